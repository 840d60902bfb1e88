package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
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
