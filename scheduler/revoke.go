package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// What becomes of a job whose lease an admin ends.
const (
	thenCancel  = "cancel"
	thenRequeue = "requeue"
)

// CheckThen refuses what is neither "cancel" nor "requeue".
func CheckThen(then string) error {
	if then != thenCancel && then != thenRequeue {
		return &FieldError{"then", fmt.Sprintf("%q is neither %q nor %q", then, thenCancel, thenRequeue)}
	}
	return nil
}

// Revoke ends a lease for an admin: the job is told to stop, and is then
// cancelled or queued again, as then says ("cancel", "requeue"). by says who,
// and why; its user is told. already: it was told to stop before.
//
// Refusals: ErrNotFound, ErrFinal, ErrNoLease, a FieldError of then.
func (s *Scheduler) Revoke(ctx context.Context, id JobID, then, by string) (job Job, already bool, err error) {
	if err := CheckThen(then); err != nil {
		return Job{}, false, err
	}
	type answer struct {
		job     Job
		already bool
	}
	t := transition[answer]{name: "revoke", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[answer], err error) {
		before, err := f.job(id)
		switch {
		case err != nil:
			return p, err
		case before.State.Final():
			return p, fmt.Errorf("%w: job %d is %s", ErrFinal, id, before.State)
		case !before.State.Active():
			return p, fmt.Errorf("%w: job %d is %s and has no device", ErrNoLease, id, before.State)
		case before.told(then):
			p.value = answer{before, true}
			return p, nil
		}
		p.value = answer{job: p.stop(&before, by, asFlag(then), f)}
		return p, nil
	}
	a, err := run(ctx, s, t)
	return a.job, a.already, err
}

// asFlag is how CancelThen says it: a cancel is what it says nothing of.
func asFlag(then string) string {
	if then == thenCancel {
		return ""
	}
	return then
}

// told reports whether the job was told to stop already, so that telling it
// again changes nothing. A cancel goes beyond a requeue, not the other way round.
func (j *Job) told(then string) bool {
	return j.CancelRequested && (then == thenRequeue || j.cancelled())
}
