package scheduler

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func (b *batch) idemKey() string { return keyIdem(b.who.User, b.scope, b.key) }

// known gives the ids that this key was answered with before, or refuses
// where it was used for something else.
func (b *batch) known(f *facts) ([]JobID, error) {
	if b.key == "" {
		return nil, nil
	}
	var r idemRecord
	version, err := f.load(b.idemKey(), &r)
	switch {
	case err != nil:
		return nil, err
	case version == 0 || f.Now.After(unstamp(r.Expires)):
		return nil, nil
	case !bytes.Equal(r.Content, b.content):
		return nil, reused(&r)
	}
	return r.ids(), nil
}

// reused refuses a key that has a job already. Who has the key may know the job's id.
func reused(r *idemRecord) error {
	ids := r.ids()
	if len(ids) == 0 {
		return fmt.Errorf("%w: it was used for another submit in the last 24 hours", ErrKeyReused)
	}
	return fmt.Errorf("%w: it was used in the last 24 hours for another submit, of job %d, whose function, arguments or request fields differ. Another key makes another job",
		ErrKeyReused, ids[0])
}

// keepKey writes what came of the part's key so far.
func (d *draft) keepKey(c *chunk, p *part, f *facts, t Timing) {
	if p.key == "" {
		return
	}
	r := idemRecord{
		Content: p.content, Blocks: blocks(c.committed(p).ids),
		Expires: stamp(f.Now.Add(t.IdempotencyTTL)),
	}
	d.guard(store.At(p.idemKey(), f.record(p.idemKey()).Version))
	d.effect(store.PutTTL(p.idemKey(), encode(r), t.IdempotencyTTL))
}

// jobs completes the jobs of some of the chunk's parts with what the store says.
func (c *chunk) jobs(parts []*part, f *facts, epoch uint64) ([]Job, error) {
	jobs := make([]Job, 0, len(c.items))
	ranks := newRanks(f, c)
	for _, p := range parts {
		for i := p.from; i < p.to; i++ {
			j := c.items[i].job
			j.ID, j.Epoch, j.Submitted = c.first+JobID(i), epoch, f.Now
			if err := j.settleAfter(f); err != nil {
				return nil, inBatch(err, i, len(c.items))
			}
			j.Rank = ranks.next(&j)
			j.begin(c.items[i].runAt, f.Now)
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// spec is what one of the chunk's jobs runs, as it is kept.
func (c *chunk) spec(id JobID) []byte { return c.specs[id-c.first] }

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
	case len(j.Pending) > 0 || len(j.Awaits) > 0:
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
	base map[string]uint64
	own  map[string]uint64 // by class and user: the user's jobs before the next one
}

func newRanks(f *facts, c *chunk) ranks {
	r := ranks{base: make(map[string]uint64, 1), own: make(map[string]uint64, 1)}
	heads := slices.IndexFunc(f.query.Ranges, func(r store.Range) bool { return r.Index != keyIdle })
	for _, it := range c.items {
		if _, seen := r.base[headKey(&it.job)]; !seen {
			r.base[headKey(&it.job)] = headRank(f.Ranges[heads])
			heads++
		}
		key := keyQueued(it.job.Class, it.job.User)
		if _, seen := r.own[key]; !seen {
			r.own[key] = uint64(max(f.counter(key), 0)) + uint64(c.ahead[key])
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
	key := keyQueued(j.Class, j.User)
	rank := r.base[headKey(j)] + r.own[key]
	r.own[key]++
	return rank
}
