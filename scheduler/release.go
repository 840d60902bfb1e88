package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Release gives a lease back, with its cause in words: draining, the device
// was refused, the payload could not be fetched, or the cancel that Start met.
// The job is queued again, or cancelled where that was asked for.
func (s *Scheduler) Release(ctx context.Context, ref LeaseRef, cause string) error {
	message := false // for consumers, which servers alone give back
	t := transition[struct{}]{name: "release", freeing: true, patient: true, query: endQuery(ref.Job)}
	t.decide = func(f *facts) (plan[struct{}], error) {
		job, err := f.job(ref.Job)
		message = err == nil && job.Consumed()
		return decideRelease(f, ref, cause, s.opts.Timing)
	}
	_, err := run(ctx, s, t)
	if err == nil && message {
		s.enterSoon(ctx, ref.Job)
	}
	return err
}

// endQuery reads a job and the hosts to wake if it is queued again.
func endQuery(id JobID) store.Query {
	return store.Query{Keys: []string{keyJob(id)}, Ranges: idleRanges(idText(id))}
}

func decideRelease(f *facts, ref LeaseRef, cause string, t Timing) (p plan[struct{}], err error) {
	job, err := f.job(ref.Job)
	if err != nil {
		return p, err
	}
	if job.ended(ref.Fence, OutcomeReleased) {
		return p, nil
	}
	if _, err := job.leaseOf(ref.Fence); err != nil {
		return p, err
	}
	after := job.next()
	after.giveBack(cause, t, f.Now)
	p.change(&job, &after)
	p.freeDevices(after.Attempt())
	p.tell(&after, endKind(&after, "released"), cause, f.Now)
	p.wake(&after, f.members(keyIdle))
	return p, nil
}

// endKind names the event of an attempt that ended without a result.
func endKind(j *Job, requeued string) string {
	if j.State.Final() {
		return string(j.State)
	}
	return requeued
}
