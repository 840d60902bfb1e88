package scheduler

import (
	"context"
	"slices"
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
// waits for longer. What was never claimed may wait for a time that its user chose.
func (j *Job) overslept(now time.Time, t Timing) (pause time.Duration, is bool) {
	if j.State != Scheduled || len(j.Attempts) == 0 {
		return 0, false
	}
	if j.Failures > 0 {
		pause = backoff(t, j.ID, j.Failures)
	}
	return pause, j.NotBefore.Sub(now) > pause+clockSlack(t)
}

// checkPauses has jobs whose pause would last too long begin it anew.
func (s *Scheduler) checkPauses(ctx context.Context, r *CheckReport) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	from := timedUntil(now)
	for range checkPages {
		a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyScheduled, From: from, Limit: listStep}}})
		if err != nil {
			return err
		}
		members := a.Ranges[0]
		r.Looked += len(members)
		if err := s.wakeInTime(ctx, members, now); err != nil || len(members) < listStep {
			return err
		}
		from = append(slices.Clone(members[len(members)-1]), 0)
	}
	return nil
}

func (s *Scheduler) wakeInTime(ctx context.Context, members [][]byte, now time.Time) error {
	ids := make([]JobID, len(members))
	for i, m := range members {
		ids[i] = timedID(m)
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return err
	}
	for i := range jobs {
		if _, is := jobs[i].overslept(now, s.opts.Timing); !is {
			continue
		}
		if err := s.move(ctx, "check", jobs[i].ID, s.pauseAnew); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) pauseAnew(d *draft, job *Job, f *facts) State {
	pause, is := job.overslept(f.Now, s.opts.Timing)
	if !is {
		return ""
	}
	after := job.next()
	after.NotBefore = f.Now.Add(pause)
	d.change(job, &after)
	return ""
}
