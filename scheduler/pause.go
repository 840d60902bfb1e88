package scheduler

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// A pause is noted as the time of the store's at which it ends. Where that clock is set back
// meanwhile it would last for as much longer, so that what cannot be that far away is not
// waited for.

// avoids reports whether a host that released the job is not asked again yet.
func (j *Job) avoids(host string, now time.Time, t Timing) bool {
	left := j.Avoid[host].Sub(now)
	return left > 0 && left <= avoidFor(t, j.Releases)+clockSlack(t)
}

// overslept is how long a scheduled job may wait at the most by its own pause, where it
// waits for longer. What was never queued may wait for a time that its user chose.
func (j *Job) overslept(now time.Time, t Timing) (pause time.Duration, is bool) {
	if j.State != Scheduled || j.QueuedAt.IsZero() {
		return 0, false
	}
	if j.Failures > 0 {
		pause = backoff(t, j.ID, j.Failures)
	}
	return pause, j.NotBefore.Sub(now) > pause+clockSlack(t)
}

// callbackOverslept is how long a callback may wait at the most, where it waits for longer:
// for its next try, or for who took it and says nothing. For the first there is no pause.
func (j *Job) callbackOverslept(now time.Time, t Timing) (pause time.Duration, is bool) {
	switch c := &j.Callback; {
	case !j.callbackDue():
		return 0, false
	case c.Held:
		pause = c.heldFor(t)
	case len(c.Tries) > 0:
		pause = c.pause(t)
	}
	return pause, j.callbackAt().Sub(now) > pause+clockSlack(t)
}

// checkPauses has pauses begin anew that would last too long.
func (s *Scheduler) checkPauses(ctx context.Context, r *CheckReport) error {
	return errors.Join(
		s.walkPauses(ctx, r, keyScheduled, timedID, s.pauseAnew),
		s.walkPauses(ctx, r, keyCallbacks, callbackID, s.callbackAnew),
	)
}

// walked are the places, by index, where the next check goes on.
type walked struct {
	mu sync.Mutex
	at map[string][]byte
}

// from is where to begin: at the first, or behind that where the last check stopped before the end.
func (w *walked) from(index string, first []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.at[index]; bytes.Compare(at, first) > 0 {
		return at
	}
	return first
}

// stopped notes where a check stopped; nil: at the end.
func (w *walked) stopped(index string, at []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		w.at = make(map[string][]byte)
	}
	w.at[index] = at
}

// walkPauses goes through the jobs of an index by time whose time has not come, some thousand at a
// check: what a clock that was set back made too long stands at the end.
func (s *Scheduler) walkPauses(ctx context.Context, r *CheckReport, index string, idOf func([]byte) JobID, anew pauseStep) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	from := s.walked.from(index, timedUntil(now))
	for range checkPages {
		a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, From: from, Limit: listStep}}})
		if err != nil {
			return err
		}
		members := a.Ranges[0]
		r.Looked += len(members)
		if err := s.wakeInTime(ctx, members, idOf, now, anew); err != nil {
			return err
		}
		if len(members) < listStep {
			from = nil
			break
		}
		from = append(slices.Clone(members[len(members)-1]), 0)
	}
	s.walked.stopped(index, from)
	return nil
}

// pauseStep gives a job with its pause begun anew, and whether it was too long.
type pauseStep func(before *Job, now time.Time) (after Job, is bool)

func (s *Scheduler) wakeInTime(ctx context.Context, members [][]byte, idOf func([]byte) JobID, now time.Time, anew pauseStep) error {
	ids := make([]JobID, len(members))
	for i, m := range members {
		ids[i] = idOf(m)
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return err
	}
	for i := range jobs {
		if _, is := anew(&jobs[i], now); !is {
			continue
		}
		err := s.move(ctx, "check", jobs[i].ID, func(d *draft, job *Job, f *facts) State {
			if after, is := anew(job, f.Now); is {
				d.change(job, &after)
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) pauseAnew(before *Job, now time.Time) (after Job, is bool) {
	pause, is := before.overslept(now, s.opts.Timing)
	if is {
		after = before.next()
		after.NotBefore = now.Add(pause)
	}
	return after, is
}

func (s *Scheduler) callbackAnew(before *Job, now time.Time) (after Job, is bool) {
	pause, is := before.callbackOverslept(now, s.opts.Timing)
	if is {
		after = before.next()
		after.Callback.Next = now.Add(pause)
	}
	return after, is
}
