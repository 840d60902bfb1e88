package scheduler

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Finish ends a running attempt and, unless its user's retries are left, the
// job. Only the holder of the current fence can; a repeat gets the job as it is.
func (s *Scheduler) Finish(ctx context.Context, ref LeaseRef, end Finish) (Job, error) {
	t := transition[Job]{
		name: "finish", freeing: true, patient: true, recalls: ref.Job, query: store.Query{Keys: []string{keyJob(ref.Job)}},
	}
	t.decide = func(f *facts) (plan[Job], error) { return decideFinish(f, ref, end, s.opts.Timing) }
	return run(ctx, s, t)
}

func decideFinish(f *facts, ref LeaseRef, end Finish, t Timing) (p plan[Job], err error) {
	job, err := f.job(ref.Job)
	if err != nil {
		return p, err
	}
	if job.ended(ref.Fence, end.Outcome) {
		p.value = job
		return p, nil
	}
	if _, err := job.leaseOf(ref.Fence); err != nil {
		return p, err
	}
	if job.State != Running {
		return p, fmt.Errorf("%w: job %d was not started", ErrStale, job.ID)
	}
	after := job.next()
	after.finish(end, t, f.Now)
	p.change(&job, &after)
	p.freeDevices(after.Attempt())
	p.keepResult(&after, end)
	p.tell(&after, finishKind(&after), after.Detail, f.Now)
	p.value = after
	return p, nil
}

// finish moves the job to where its attempt's end leads.
func (j *Job) finish(end Finish, t Timing, now time.Time) {
	a := j.Attempt()
	a.ExitCode, a.Signal, a.WorkBytes = end.ExitCode, end.Signal, end.WorkBytes
	if end.Outcome == OutcomeLost { // its slot died, the agent lives
		j.lose(end.Detail, now)
		return
	}
	j.endAttempt(end.Outcome, end.Detail, now)
	reason := failureReason(end)
	switch {
	case end.Outcome == OutcomeSucceeded:
		j.Result = end.Result
		j.succeed(now)
	case j.cancelled():
		j.Result = end.Result
		j.cancel(now)
	case j.CancelThen == thenRequeue:
		j.clearRevoke()
		j.back(now)
	case j.Retries > 0 && reason != ReasonRejected:
		j.retry(t, now)
	default:
		j.Result = end.Result
		j.fail(reason, end.Detail, now)
	}
}

// failureReason names why a failed attempt failed. An attempt that was stopped
// without a cancel on record was killed by somebody else.
func failureReason(end Finish) Reason {
	switch {
	case end.Outcome == OutcomeTimedOut:
		return ReasonTimeout
	case end.Outcome == OutcomeCancelled:
		return ReasonKilled
	case end.Reason == "":
		return ReasonError
	}
	return end.Reason
}

func finishKind(j *Job) string {
	switch {
	case j.State == Scheduled && j.NotBefore.After(j.Attempt().Ended):
		return "retry"
	case !j.State.Final():
		return "released"
	}
	return string(j.State)
}

// keepResult writes an inline result, and how long a success took.
func (d *draft) keepResult(j *Job, end Finish) {
	if j.State.Final() && end.Result.Inline {
		d.effect(store.Put(keyResult(j.ID), end.Inline))
	}
	if j.State == Succeeded {
		a := j.Attempt()
		d.effect(store.Append(keyDurations(durationBucket(j.User, j.Name)),
			durationEntry(j.User, j.Name, a.Ended.Sub(a.Started)), keepDurations))
	}
}

// Durations of all users and names share a fixed number of logs, so that a
// user who gives each job its own name does not fill the store.
const durationBuckets = 1024

func durationBucket(user, name string) int {
	return int(hash64(user, name) % durationBuckets)
}

// durationEntry is the hash of user and name, and the duration in ms.
func durationEntry(user, name string, d time.Duration) []byte {
	b := binary.BigEndian.AppendUint64(nil, hash64(user, name))
	return binary.BigEndian.AppendUint64(b, uint64(max(d, 0).Milliseconds()))
}
