package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Start says that the call is about to be handed to the runner. It must be
// committed before that: after a cancel was acknowledged it is refused with
// ErrCancelled, and the agent releases the lease.
func (s *Scheduler) Start(ctx context.Context, ref LeaseRef) error {
	t := transition[struct{}]{
		name: "start", patient: true, recalls: ref.Job, remembers: ref.Job, query: store.Query{Keys: []string{keyJob(ref.Job)}},
	}
	t.decide = func(f *facts) (plan[struct{}], error) { return decideStart(f, ref) }
	_, err := run(ctx, s, t)
	return err
}

func decideStart(f *facts, ref LeaseRef) (p plan[struct{}], err error) {
	job, err := f.job(ref.Job)
	if err != nil {
		return p, err
	}
	if _, err := job.leaseOf(ref.Fence); err != nil {
		return p, err
	}
	if job.CancelRequested {
		return p, fmt.Errorf("%w by %s", ErrCancelled, job.CancelBy)
	}
	if job.State == Running {
		return p, nil // a replay: only this fence could have started it
	}
	after := job.next()
	after.State = Running
	after.Attempt().Started = f.Now
	p.change(&job, &after)
	p.tell(&after, string(Running), "", f.Now)
	return p, nil
}
