package api

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// DiskUsage says what takes the room, in bytes.
type DiskUsage struct {
	// Done: else it is still being counted, and only Looked is there.
	Done   bool      `json:"done"`
	Looked int64     `json:"looked"` // files and jobs looked at
	At     time.Time `json:"at,omitzero"`

	Free  int64 `json:"free,omitempty"`  // of the disk of the blobs
	Total int64 `json:"total,omitempty"` // likewise
	Store int64 `json:"store,omitempty"` // the store's file, or all memory of its Redis

	DiskSum

	Orphans int64      `json:"orphans,omitempty"` // blobs and logs that nothing names
	Trash   int64      `json:"trash,omitempty"`   // of those, what was discarded already
	Uploads int64      `json:"uploads,omitempty"` // under way, or cut off
	Users   []UserDisk `json:"users,omitempty"`   // the largest first
}

// DiskSum is what jobs take. A blob that several name counts once, for the newest.
type DiskSum struct {
	Payloads int64 `json:"payloads,omitempty"` // listener functions among them
	Results  int64 `json:"results,omitempty"`
	Files    int64 `json:"files,omitempty"` // of out/, with their lists, and what jobs keep for each other
	Logs     int64 `json:"logs,omitempty"`
}

// Sum is all of it.
func (d *DiskSum) Sum() int64 { return d.Payloads + d.Results + d.Files + d.Logs }

// UserDisk is what the jobs of a user take.
type UserDisk struct {
	DiskSum

	User string `json:"user"`
	Jobs int    `json:"jobs"`
}

// counting finds whom the files of a folder belong to.
type counting struct {
	scheduler *scheduler.Scheduler
	store     store.Store
	tokens    *auth.Tokens
	folder    *blob.Folder
	looked    *atomic.Int64
}

// count looks at every file, then goes through all that names one. Of contents
// it reads only the lists of out/.
func (c counting) count(ctx context.Context) (DiskUsage, error) {
	left, err := c.folder.Survey(ctx, func() { c.looked.Add(1) })
	if err != nil {
		return DiskUsage{}, err
	}
	o := ownership{left: left, users: make(map[string]*UserDisk)}
	m := marker{ctx: ctx, folder: c.folder, named: o.take, damaged: func(error) {}} // the collector tells
	err = c.scheduler.EveryJob(ctx, func(job *scheduler.Job, spec scheduler.Spec) error {
		c.looked.Add(1)
		return o.job(&m, job, spec)
	}, func(*scheduler.DamagedError) error { return nil })
	if err != nil {
		return DiskUsage{}, err
	}
	var rest DiskSum
	o.to = &rest.Payloads
	if err := m.functions(c.store, c.tokens); err != nil {
		return DiskUsage{}, err
	}
	if err := o.data(ctx, &m, c.store); err != nil {
		return DiskUsage{}, err
	}
	u := o.usage(rest)
	u.Looked = c.looked.Load()
	return u, c.room(ctx, &u)
}

func (c counting) room(ctx context.Context, u *DiskUsage) error {
	space, err := c.folder.Space(ctx)
	if err != nil {
		return err
	}
	u.Free, u.Total = space.Free, space.Total
	if sized, ok := c.store.(store.Sized); ok {
		u.Store, _, err = sized.Size(ctx)
	}
	return err
}

// ownership takes files from what was found, and gives them to users.
type ownership struct {
	left  blob.Survey
	users map[string]*UserDisk
	to    *int64 // what the next name counts for
}

// take counts a blob for who names it first.
func (o *ownership) take(sum string) error {
	k, ok := blob.KeyOf(sum)
	if !ok {
		return blob.ErrName
	}
	*o.to += o.left.Blobs[k]
	delete(o.left.Blobs, k)
	return nil
}

// data counts what a user's jobs keep for each other as files.
func (o *ownership) data(ctx context.Context, m *marker, st store.Store) error {
	return data.New(st).Every(ctx, func(user string, item data.Item) error {
		o.to = &o.user(user).Files
		return m.all(item.Blobs())
	})
}

func (o *ownership) user(name string) *UserDisk {
	u := o.users[name]
	if u == nil {
		u = &UserDisk{User: name}
		o.users[name] = u
	}
	return u
}

func (o *ownership) job(m *marker, job *scheduler.Job, spec scheduler.Spec) error {
	u := o.user(cmp.Or(job.User, spec.User)) // of a damaged job only this is known
	u.Jobs++
	u.Logs += o.left.Logs[int64(job.ID)]
	delete(o.left.Logs, int64(job.ID))
	o.to = &u.Payloads
	if err := m.spec(spec.Media, spec.Body); err != nil {
		return err
	}
	o.to = &u.Results
	if !job.Result.Inline {
		if err := m.one(job.Result.SHA256); err != nil {
			return err
		}
	}
	o.to = &u.Files
	return m.files(job.Result.Files)
}

// usage sums up; what is left is nobody's.
func (o *ownership) usage(rest DiskSum) DiskUsage {
	u := DiskUsage{Done: true, At: time.Now().UTC(), DiskSum: rest, Trash: o.left.Trash, Uploads: o.left.Uploads}
	for _, of := range o.users {
		u.Users = append(u.Users, *of)
		u.Payloads, u.Results = u.Payloads+of.Payloads, u.Results+of.Results
		u.Files, u.Logs = u.Files+of.Files, u.Logs+of.Logs
	}
	slices.SortFunc(u.Users, func(a, b UserDisk) int {
		return cmp.Or(cmp.Compare(b.Sum(), a.Sum()), cmp.Compare(a.User, b.User))
	})
	for _, size := range o.left.Blobs {
		u.Orphans += size
	}
	for _, size := range o.left.Logs {
		u.Orphans += size
	}
	u.Orphans += u.Trash
	return u
}
