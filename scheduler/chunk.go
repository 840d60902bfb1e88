package scheduler

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func (c *chunk) idemKey() string { return keyIdem(c.who.User, c.scope, c.key) }

// known gives the ids that this key was answered with before, or refuses
// where it was used for something else.
func (c *chunk) known(f *facts) ([]JobID, error) {
	if c.key == "" {
		return nil, nil
	}
	var r idemRecord
	version, err := f.load(c.idemKey(), &r)
	switch {
	case err != nil:
		return nil, err
	case version == 0 || f.Now.After(unstamp(r.Expires)):
		return nil, nil
	case !bytes.Equal(r.Content, c.content):
		return nil, fmt.Errorf("%w: %q was used for another submit in the last 24 hours", ErrKeyReused, c.key)
	}
	return r.ids(), nil
}

// keepKeys writes what came of the key so far.
func (d *draft) keepKeys(c *chunk, f *facts, t Timing) {
	if c.key == "" {
		return
	}
	r := idemRecord{
		Content: c.content, Blocks: blocks(c.committed().ids),
		Expires: stamp(f.Now.Add(t.IdempotencyTTL)),
	}
	d.guard(store.At(c.idemKey(), f.record(c.idemKey()).Version))
	d.effect(store.PutTTL(c.idemKey(), encode(r), t.IdempotencyTTL))
}

// jobs completes the chunk's jobs with what the store says.
func (c *chunk) jobs(f *facts, epoch uint64) ([]Job, error) {
	jobs := make([]Job, len(c.items))
	ranks := newRanks(f, c)
	for i := range c.items {
		j := c.items[i].job
		j.ID, j.Epoch, j.Submitted = c.first+JobID(i), epoch, f.Now
		if err := j.settleAfter(f); err != nil {
			return nil, inBatch(err, i, len(c.items))
		}
		j.Rank = ranks.next(&j)
		j.begin(c.items[i].runAt, f.Now)
		jobs[i] = j
	}
	return jobs, nil
}

// settleAfter finds out which of the jobs that this one follows have not
// succeeded yet. One that failed makes this one fail.
func (j *Job) settleAfter(f *facts) error {
	for _, id := range j.After {
		parent, err := f.job(id)
		if err != nil || parent.User != j.User {
			return &FieldError{"after", fmt.Sprintf("there is no job %d", id)}
		}
		switch {
		case parent.State == Succeeded:
		case parent.State.Final():
			j.fail(ReasonDependency, dependencyText(&parent), j.Submitted)
		default:
			j.Pending = append(j.Pending, id)
		}
	}
	return nil
}

func dependencyText(parent *Job) string { return fmt.Sprintf("job %d %s", parent.ID, parent.State) }

// begin gives the job its first state.
func (j *Job) begin(runAt, now time.Time) {
	switch {
	case j.State == Failed:
		j.Pending = nil
	case runAt.After(now):
		j.State, j.NotBefore = Scheduled, runAt
	case len(j.Pending) > 0:
		j.State = Scheduled
	default:
		j.enqueue(now)
	}
}

// follow marks the jobs that others now wait for, and who waits.
func (d *draft) follow(jobs []Job, f *facts) {
	marked := make(map[JobID]bool)
	for i := range jobs {
		for _, id := range jobs[i].Pending {
			d.effect(store.Index(keyFollowers(id), idMember(jobs[i].ID)))
			if marked[id] {
				continue
			}
			marked[id] = true
			d.markFollowed(f.record(keyJob(id)), id)
		}
	}
}

// markFollowed guards the parent as it was read: had it ended since, nobody
// would tell the follower.
func (d *draft) markFollowed(r store.Record, id JobID) {
	parent, err := decodeJob(id, r.Version, r.Value)
	if err != nil || parent.HasDependents {
		d.guard(store.At(keyJob(id), r.Version))
		return
	}
	after := parent.next()
	after.HasDependents = true
	d.change(&parent, &after)
}

// ranks gives the jobs of a chunk their places in the fair order of their
// classes: the round that the class is in, and one more for each job that the
// user has waiting there. So users who queue together take turns, and who
// comes late starts at the round of now, however many the others have queued.
type ranks struct {
	c    *chunk
	base map[string]uint64
	own  map[string]uint64 // by class: this user's jobs before the next one
}

func newRanks(f *facts, c *chunk) ranks {
	r := ranks{c: c, base: make(map[string]uint64), own: make(map[string]uint64)}
	heads := slices.IndexFunc(f.query.Ranges, func(r store.Range) bool { return r.Index != keyIdle })
	for i := range c.items {
		j := &c.items[i].job
		if _, seen := r.base[headKey(j)]; seen {
			continue
		}
		r.base[headKey(j)] = headRank(f.Ranges[heads])
		heads++
		if _, seen := r.own[j.Class]; !seen {
			waiting := max(f.counter(keyQueued(j.Class, j.User)), 0)
			r.own[j.Class] = uint64(waiting) + uint64(c.ahead[j.Class])
		}
	}
	return r
}

func headRank(members [][]byte) uint64 {
	if len(members) == 0 || len(members[0]) < entryFixed {
		return 0
	}
	return read48(members[0][1:])
}

func (r ranks) next(j *Job) uint64 {
	rank := r.base[headKey(j)] + r.own[j.Class]
	r.own[j.Class]++
	return rank
}
