package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// What a revoke may ask for.
const (
	thenCancel  = "cancel"
	thenRequeue = "requeue"
)

// Cancel ends a waiting job at once, and asks the agent of an active one to
// stop it: it never starts if it had not. by says who, and why. already: the
// job had ended, or its cancel was already asked for.
func (s *Scheduler) Cancel(ctx context.Context, id JobID, by string) (job Job, already bool, err error) {
	type answer struct {
		job     Job
		already bool
	}
	t := transition[answer]{name: "cancel", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (plan[answer], error) {
		var p plan[answer]
		before, err := f.job(id)
		if err != nil {
			return p, err
		}
		if before.State.Final() || before.cancelled() {
			p.value = answer{before, true}
			return p, nil
		}
		after := p.stop(&before, by, "", f)
		p.value = answer{after, false}
		return p, nil
	}
	a, err := run(ctx, s, t)
	return a.job, a.already, err
}

// Revoke ends a lease for an admin. then says what becomes of the job:
// "cancel" or "requeue". A job that holds no lease has nothing to revoke:
// then "requeue" is done, and "cancel" cancels it.
func (s *Scheduler) Revoke(ctx context.Context, id JobID, then, why string) error {
	if then != thenCancel && then != thenRequeue {
		return &FieldError{"then", fmt.Sprintf("%q is neither %q nor %q", then, thenCancel, thenRequeue)}
	}
	if then == thenCancel {
		_, _, err := s.Cancel(ctx, id, why)
		return err
	}
	t := transition[struct{}]{name: "revoke", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		before, err := f.job(id)
		switch {
		case err != nil:
			return p, err
		case before.State.Final():
			return p, fmt.Errorf("%w: job %d is %s", ErrFinal, id, before.State)
		case before.State.Active() && !before.CancelRequested:
			p.stop(&before, why, thenRequeue, f)
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

// stop writes that the job is not to run, or not here.
func (d *draft) stop(before *Job, by, then string, f *facts) Job {
	after := before.next()
	after.CancelRequested, after.CancelBy, after.CancelThen = true, by, then
	if !before.State.Active() {
		after.cancel(f.Now)
		d.change(before, &after)
		d.tell(&after, string(Cancelled), by, f.Now)
		return after
	}
	d.change(before, &after)
	d.tell(&after, "cancel_requested", by, f.Now)
	d.effect(store.Notify(topicWake(after.Attempt().Host), []byte(wakeLease)))
	return after
}
