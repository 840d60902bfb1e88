package scheduler

import (
	"fmt"
	"math"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// The moves of a job, on a copy of its record. Transitions compose them.

// Budgets of a job.
const (
	maxLosses   = 3  // lost attempts that had started, after which it is run again
	maxReleases = 20 // attempts released unrun, of which the last fails it
	maxAvoid    = 10 * time.Minute
)

// next gives a copy that shares nothing that moves change.
func (j *Job) next() Job {
	c := *j
	c.Attempts = append([]Attempt(nil), j.Attempts...)
	c.Avoid = nil
	for host, until := range j.Avoid {
		c.avoid(host, until)
	}
	return c
}

func (j *Job) avoid(host string, until time.Time) {
	if j.Avoid == nil {
		j.Avoid = make(map[string]time.Time)
	}
	j.Avoid[host] = until
}

// enqueue puts the job into the queue. Its rank, its place among the users,
// stays what it was.
func (j *Job) enqueue(now time.Time) {
	j.State, j.QueuedAt, j.NotBefore = Queued, now, time.Time{}
	if j.QueueTimeout > 0 {
		j.ExpiresAt = now.Add(j.QueueTimeout)
	}
}

// back queues the job again after an attempt. A message that consumers took is
// scheduled instead, and a server looks at once who takes it as its functions are
// registered now: while it ran it was in no queue that a change of them corrects.
func (j *Job) back(now time.Time) {
	if j.enqueue(now); j.Consumed() {
		j.State, j.NotBefore = Scheduled, now
	}
}

func (j *Job) succeed(now time.Time) { j.State, j.EndedAt = Succeeded, now }

func (j *Job) fail(reason Reason, detail string, now time.Time) {
	j.State, j.Reason, j.Detail, j.EndedAt = Failed, reason, detail, now
}

func (j *Job) cancel(now time.Time) {
	j.State, j.Detail, j.EndedAt = Cancelled, "cancelled by "+j.CancelBy, now
}

// cancelled reports whether the job must not run again: a revoke that asked
// for another run is a flag too, but only stops the attempt.
func (j *Job) cancelled() bool { return j.CancelRequested && j.CancelThen != thenRequeue }

// clearRevoke forgets a revoke once the attempt that it stopped is over.
func (j *Job) clearRevoke() {
	if j.CancelThen == thenRequeue {
		j.CancelRequested, j.CancelBy, j.CancelThen = false, "", ""
	}
}

// endAttempt closes the last attempt.
func (j *Job) endAttempt(o Outcome, cause string, now time.Time) {
	a := j.Attempt()
	a.Ended, a.Outcome, a.Cause, a.BlockedOn = now, o, cause, 0
	j.LogBytes = 0
}

// lose ends the attempt because its agent is gone: back into the queue, or
// cancelled if that was asked for, or failed when it was lost too often.
// Attempts that never started cost nothing.
func (j *Job) lose(cause string, now time.Time) {
	if !j.Attempt().Started.IsZero() {
		j.Losses++
	}
	j.endAttempt(OutcomeLost, cause, now)
	switch {
	case j.cancelled():
		j.cancel(now)
	case j.Losses > maxLosses:
		j.fail(ReasonLost, fmt.Sprintf("lost %d times, last: %s", j.Losses, cause), now)
	default:
		j.clearRevoke()
		j.back(now)
	}
}

// giveBack ends the attempt because its agent could not or should not run it.
// The host is not offered the job again for a while, longer each time.
func (j *Job) giveBack(cause string, t Timing, now time.Time) {
	host := j.Attempt().Host
	j.endAttempt(OutcomeReleased, cause, now)
	j.Releases++
	switch {
	case j.cancelled():
		j.cancel(now)
	case j.Releases >= maxReleases:
		j.fail(ReasonUnplaceable, fmt.Sprintf("released unrun %d times, last by %s: %s", j.Releases, host, cause), now)
	default:
		j.clearRevoke()
		j.avoid(host, now.Add(avoidFor(t, j.Releases)))
		j.back(now)
	}
}

// avoidFor is how long the host of the n-th release is avoided.
func avoidFor(t Timing, n int) time.Duration {
	return grow(t.Avoid, n-1, max(maxAvoid, t.Avoid))
}

// retry sends a failed attempt's job back, after a pause.
func (j *Job) retry(t Timing, now time.Time) {
	j.Retries--
	j.Failures++
	j.State = Scheduled
	j.NotBefore = now.Add(backoff(t, j.ID, j.Failures))
}

// backoff is the pause before the retry of the n-th failure: doubled each
// time, ±20 % so that jobs that failed together do not come back together.
// The spread is the job's own, so that a repeated decision is the same one.
func backoff(t Timing, id JobID, n int) time.Duration {
	d := grow(t.BackoffMin, n-1, t.BackoffMax)
	share := float64(hash64(idText(id), fmt.Sprint(n))%1000)/999*0.4 - 0.2
	return d + time.Duration(float64(d)*share)
}

// grow is first · 2ⁿ, at most limit.
func grow(first time.Duration, n int, limit time.Duration) time.Duration {
	d := float64(first) * math.Pow(2, float64(n))
	return time.Duration(min(d, float64(limit)))
}

// freeDevices writes that the devices of an attempt are nobody's. Only the
// job's guard is needed: while the lease was its own, nobody else wrote them.
func (d *draft) freeDevices(a *Attempt) {
	for _, uuid := range a.Devices {
		d.effect(store.Put(keyDevice(uuid), encode(deviceRecord{Fence: a.Fence, Host: a.Host})))
	}
}
