package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// errInUse: what is still followed, listed or running cannot be forgotten.
var errInUse = errors.New("it is still in use")

// purge forgets an ended job whose result_ttl has passed: its record, its
// spec and its inline result. Blobs and logs are the servers' to collect (api.Collector).
func (s *Scheduler) purge(ctx context.Context, id JobID) error {
	t := transition[int64]{name: "purge", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[int64], err error) {
		job, err := f.job(id)
		if err != nil {
			return p, ignoreMissing(err)
		}
		if !job.State.Final() || job.ResultTTL == 0 || job.EndedAt.Add(job.ResultTTL).After(f.Now) {
			return p, nil
		}
		p.forget(&job)
		p.value = 1
		return p, nil
	}
	n, err := run(ctx, s, t)
	s.tally.change(func(st *Stats) { st.Purged += n })
	return ignore(err, errInUse)
}

// forget drafts the end of an ended job's records.
func (d *draft) forget(job *Job) {
	if job.HasDependents {
		d.guardElse(store.Empty(keyFollowers(job.ID)), errInUse)
	}
	d.guard(store.At(keyJob(job.ID), job.Version))
	d.effect(store.Delete(keyJob(job.ID)), store.Delete(keySpec(job.ID)), store.Delete(keyResult(job.ID)),
		store.Unindex(keySettled, idMember(job.ID)))
	d.shift(placeOf(job), place{})
}

// Forget forgets a job that ended before a time: for its user, or an admin.
// followed: it stays, for jobs that name it in after were not told of its end
// yet. A job that is gone, or has moved on, needs nothing: forgot is false.
func (s *Scheduler) Forget(ctx context.Context, who Who, id JobID, before time.Time) (forgot, followed bool, err error) {
	t := transition[bool]{name: "forget", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[bool], err error) {
		job, err := f.job(id)
		switch {
		case err != nil:
			return p, ignoreMissing(err)
		case job.User != who.User && !who.Admin:
			return p, fmt.Errorf("%w: %d", ErrNotFound, id)
		case !job.State.Final() || !job.EndedAt.Before(before):
			return p, nil
		}
		p.forget(&job)
		p.value = true
		return p, nil
	}
	forgot, err = run(ctx, s, t)
	if errors.Is(err, errInUse) {
		return false, true, nil
	}
	if forgot {
		s.tally.change(func(st *Stats) { st.Purged++ })
	}
	return forgot, false, err
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
