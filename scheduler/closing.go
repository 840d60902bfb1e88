package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Closing is what an attempt that runs is told of a drain with a deadline.
type Closing struct {
	At   time.Time // it is stopped then; zero: nothing is closed
	What string    // the host, or the UUID of its device
	By   string    // who, and why
	Then string    // what becomes of the job: "requeue" or "cancel"
}

// KeepDrains tells the jobs that run on what an admin closes by a deadline,
// takes that back where the admin did, and tells them to stop once the
// deadline has passed. It returns how many it stopped. Every server does it;
// a job is told once, for what it was told stands in its record.
func (s *Scheduler) KeepDrains(ctx context.Context) (stopped int, err error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyClosing, Limit: maxHosts}}})
	if err != nil {
		return 0, fmt.Errorf("keep drains: %w", err)
	}
	var errs []error
	for _, host := range a.Ranges[0] {
		n, err := s.keepDrain(ctx, string(host))
		stopped += n
		if err != nil {
			errs = append(errs, fmt.Errorf("keep drains of %s: %w", host, err))
		}
	}
	return stopped, errors.Join(errs...)
}

// keepDrain reads the drain before the jobs: if it is still the same at the
// end, then nobody was told of another one in between.
func (s *Scheduler) keepDrain(ctx context.Context, host string) (stopped int, err error) {
	q := store.Query{Keys: []string{keyDrain(host)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return 0, err
	}
	f := newFacts(q, a)
	d, version := f.drain(host)
	ids, err := s.activeOn(ctx, host)
	if err != nil {
		return 0, err
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return 0, err
	}
	for i := range jobs {
		if jobs[i].toTell(host, &d, f.Now) == nothing {
			continue
		}
		told, err := s.tellClosing(ctx, host, jobs[i].ID)
		if err != nil {
			return stopped, err
		}
		if told == toStop {
			stopped++
		}
	}
	if len(d.Deadlines) > 0 {
		return stopped, nil
	}
	return stopped, s.closingOver(ctx, host, version)
}

// telling is what KeepDrains has to tell a job.
type telling uint8

const (
	nothing telling = iota
	news            // it is closed where it runs, or is so no more
	toStop          // the deadline has passed
)

// toTell is pure: what a job has to be told of what is closed on a host.
func (j *Job) toTell(host string, d *drainRecord, now time.Time) telling {
	if !j.State.Active() || j.Attempt().Host != host || j.CancelRequested {
		return nothing
	}
	c := d.closing(host, j.Attempt().Devices)
	switch {
	case !c.At.IsZero() && !now.Before(c.At):
		return toStop
	case c != j.Attempt().Closing:
		return news
	}
	return nothing
}

// tellClosing decides again, from the job and the drain as they are at the
// commit: a drain that was taken back meanwhile stops nothing.
func (s *Scheduler) tellClosing(ctx context.Context, host string, id JobID) (telling, error) {
	t := transition[telling]{name: "closing", freeing: true, query: store.Query{Keys: []string{keyJob(id), keyDrain(host)}}}
	t.decide = func(f *facts) (p plan[telling], err error) {
		job, err := f.job(id)
		if err != nil {
			return p, ignoreMissing(err)
		}
		d, version := f.drain(host)
		p.value = job.toTell(host, &d, f.Now)
		if p.value == nothing {
			return p, nil
		}
		p.guard(store.At(keyDrain(host), version))
		c := d.closing(host, job.Attempt().Devices)
		if p.value == toStop {
			p.stop(&job, c.reason(), asFlag(c.Then), f)
			return p, nil
		}
		after := job.next()
		after.Attempt().Closing = c
		p.change(&job, &after)
		p.tell(&after, "drain", c.words(), f.Now)
		return p, nil
	}
	return run(ctx, s, t)
}

// closingOver takes a host off the list once nothing is closed by a deadline
// any more, and all its jobs know.
func (s *Scheduler) closingOver(ctx context.Context, host string, version uint64) error {
	t := transition[struct{}]{name: "closing", freeing: true, decide: func(*facts) (p plan[struct{}], err error) {
		p.guardElse(store.At(keyDrain(host), version), errInUse)
		p.effect(store.Unindex(keyClosing, []byte(host)))
		return p, nil
	}}
	_, err := run(ctx, s, t)
	return ignore(err, errInUse)
}

// EndsBy is when the attempt has to end by: its time limit, or the deadline of
// a drain. Zero: nothing ends it.
func (a *Attempt) EndsBy(timeout time.Duration) time.Time {
	var limit time.Time
	if timeout > 0 && !a.Started.IsZero() {
		limit = a.Started.Add(timeout)
	}
	if c := a.Closing.At; !c.IsZero() && (limit.IsZero() || c.Before(limit)) {
		return c
	}
	return limit
}

// reason is who stops a job at the deadline, and why.
func (c *Closing) reason() string { return fmt.Sprintf("%s (%s is closed)", c.By, c.where()) }

// where is what is closed, for people.
func (c *Closing) where() string {
	if gpu.IsSimulated(c.What) {
		return "simulated " + c.What
	}
	return c.What
}

// words are those of the event.
func (c *Closing) words() string {
	if c.At.IsZero() {
		return "where it runs is not closed any more"
	}
	return fmt.Sprintf("%s is closed at %s by %s", c.where(), c.At.Format(time.RFC3339), c.By)
}
