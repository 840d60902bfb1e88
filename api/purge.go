package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// Purged answers a purge.
type Purged struct {
	Jobs int `json:"jobs"` // forgotten, or with dry_run those that would be
	// Bytes of their results, files and logs: at most so much room, for jobs can
	// share them. The collector frees it later.
	Bytes    int64             `json:"bytes"`
	Followed []scheduler.JobID `json:"followed,omitempty"` // kept: others still wait to hear of their end
	Next     string            `json:"next,omitempty"`     // cursor: repeat with before=NEXT
}

// purgeJobs answers POST /purge?older=&state=&reason=&name=&user=&dry_run=&before=:
// it forgets jobs that ended so long ago, as many as a few seconds allow.
func (s *Server) purgeJobs(c *call) error {
	f, err := c.filter("older", "reason", "dry_run", "before")
	if err != nil {
		return err
	}
	p := purging{s: s, c: c, who: scheduler.Who{User: c.who.User, Admin: c.who.Role == auth.RoleAdmin}}
	if err := p.params(&f); err != nil {
		return err
	}
	if err := p.run(f); err != nil {
		return err
	}
	return s.write(c, http.StatusOK, p.done)
}

// purging is one request of a purge.
type purging struct {
	s      *Server
	c      *call
	who    scheduler.Who
	before time.Time // ended before this, by the store's clock
	dryRun bool
	done   Purged
}

func (p *purging) params(f *scheduler.Filter) error {
	q := p.c.r.URL.Query()
	older, err := units.ParseDuration(q.Get("older"))
	if err != nil || older <= 0 {
		return refuse(CodeBadRequest, "older: want how long ago they must have ended, above 0, as 90d")
	}
	switch q.Get("dry_run") {
	case "":
	case "1", "true":
		p.dryRun = true
	default:
		return refuse(CodeBadRequest, "dry_run: want 1, or leave it out")
	}
	for _, state := range f.States {
		if !state.Final() {
			return refuse(CodeBadRequest, "state: only jobs that have ended are forgotten: succeeded, failed or cancelled")
		}
	}
	if len(f.States) == 0 {
		f.States = []scheduler.State{scheduler.Succeeded, scheduler.Failed, scheduler.Cancelled}
	}
	f.Limit = pageMost
	now, err := p.s.scheduler.Now(p.c.ctx())
	p.before = now.Add(-older)
	return err
}

func (p *purging) run(f scheduler.Filter) error {
	good := p.s.stillGood(p.c)
	for start := time.Now(); ; {
		jobs, next, err := p.s.scheduler.Jobs(p.c.ctx(), f)
		if err != nil {
			return err
		}
		for i := range jobs {
			if err := good(); err != nil {
				return err
			}
			if err := p.one(&jobs[i]); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		if f.Before = next; time.Since(start) > bulkTime {
			p.done.Next = strconv.FormatInt(int64(next), 10)
			return nil
		}
	}
}

func (p *purging) one(job *scheduler.Job) error {
	if !job.EndedAt.Before(p.before) {
		return nil
	}
	bytes, err := p.s.bytesOf(p.c, job)
	if err != nil {
		return err
	}
	forgot := p.dryRun
	if !p.dryRun {
		var followed bool
		if forgot, followed, err = p.s.scheduler.Forget(p.c.ctx(), p.who, job.ID, p.before); err != nil {
			return err
		}
		if followed {
			p.done.Followed = append(p.done.Followed, job.ID)
		}
	}
	if forgot {
		p.done.Jobs++
		p.done.Bytes += bytes
	}
	return nil
}

// bytesOf is what a job's result, files and logs take in the folder of blobs.
func (s *Server) bytesOf(c *call, job *scheduler.Job) (n int64, err error) {
	if !job.Result.Inline {
		n = job.Result.Size
	}
	for i := range job.Attempts {
		size, err := s.opts.Blobs.LogSize(c.ctx(), int64(job.ID), job.Attempts[i].N)
		if err != nil {
			return n, err
		}
		n += size
	}
	if job.Result.FileCount == 0 {
		return n, nil
	}
	text, err := readBlob(c.ctx(), s.opts.Blobs, job.Result.Files, blob.MaxManifest)
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, errDamagedBlob) {
		return n, nil // gone already, or damaged: no reason to keep its job
	}
	if err != nil {
		return n, err
	}
	m, err := blob.ParseManifest(text)
	if err != nil {
		return n, nil //nolint:nilerr // likewise
	}
	for _, file := range m.Files {
		n += file.Size
	}
	return n, nil
}
