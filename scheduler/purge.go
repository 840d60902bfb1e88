package scheduler

import (
	"context"
	"errors"

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
		if job.HasDependents {
			p.guardElse(store.Empty(keyFollowers(id)), errInUse)
		}
		p.guard(store.At(keyJob(id), job.Version))
		p.effect(store.Delete(keyJob(id)), store.Delete(keySpec(id)), store.Delete(keyResult(id)),
			store.Unindex(keySettled, idMember(id)))
		p.shift(placeOf(&job), place{})
		p.value = 1
		return p, nil
	}
	n, err := run(ctx, s, t)
	s.tally.change(func(st *Stats) { st.Purged += n })
	return ignore(err, errInUse)
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
