package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// loopBatch is how many jobs one round of a loop moves; the rest waits for the next.
const loopBatch = 256

// Promote moves what waited for a time or for other jobs: scheduled jobs whose
// time has come, queued ones whose queue timeout has passed, followers of jobs
// that ended, and ended ones that are to be forgotten.
func (s *Scheduler) Promote(ctx context.Context) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	q := store.Query{Ranges: []store.Range{
		{Index: keyScheduled, To: timedUntil(now), Limit: loopBatch},
		{Index: keyDeadlines, To: timedUntil(now), Limit: loopBatch},
		{Index: keySettled, Limit: loopBatch},
		{Index: keyPurge, To: timedUntil(now), Limit: loopBatch},
		{Index: keyRegistered, Limit: loopBatch},
	}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	steps := []struct {
		do func(context.Context, JobID) error
		id func([]byte) JobID
	}{{s.due, timedID}, {s.expire, timedID}, {s.settle, memberID}, {s.purge, timedID}}
	var failed failures
	for i, step := range steps {
		for _, m := range a.Ranges[i] {
			if failed.end(ctx, ofJob(step.id(m), step.do(ctx, step.id(m)))) {
				return failed.joined()
			}
		}
	}
	for _, user := range a.Ranges[len(steps)] {
		if failed.end(ctx, s.admit(ctx, string(user))) {
			break
		}
	}
	return failed.joined()
}

func ofJob(id JobID, err error) error {
	if err != nil {
		return fmt.Errorf("job %d: %w", id, err)
	}
	return nil
}

// due queues a scheduled job whose time has come, unless it still follows others
// or waits for functions.
func (s *Scheduler) due(ctx context.Context, id JobID) error {
	message := false
	err := s.move(ctx, "promote", id, func(d *draft, job *Job, f *facts) State {
		if message = job.Message; message {
			return ""
		}
		if job.State != Scheduled || job.NotBefore.IsZero() || job.NotBefore.After(f.Now) {
			return ""
		}
		after := job.next()
		after.promote(f)
		d.change(job, &after)
		if after.State != Queued {
			return ""
		}
		d.tell(&after, string(Queued), "", f.Now)
		d.wake(&after, f.members(keyIdle))
		return Queued
	})
	if err != nil || !message {
		return err
	}
	return s.enter(ctx, id)
}

// promote queues the job if nothing keeps it any more.
func (j *Job) promote(f *facts) {
	if !j.NotBefore.After(f.Now) {
		j.NotBefore = unstamp(0)
	}
	if len(j.Pending) == 0 && j.NotBefore.IsZero() && len(j.Awaits) == 0 {
		j.enqueue(f.Now)
	}
}

// expire fails a job whose queue timeout has passed.
func (s *Scheduler) expire(ctx context.Context, id JobID) error {
	return s.move(ctx, "expire", id, func(d *draft, job *Job, f *facts) State {
		if job.State != Queued || job.ExpiresAt.IsZero() || job.ExpiresAt.After(f.Now) {
			return ""
		}
		after := job.next()
		after.fail(ReasonExpired, fmt.Sprintf("it stood in the queue for %s", job.QueueTimeout), f.Now)
		d.change(job, &after)
		d.tell(&after, string(Failed), after.Detail, f.Now)
		return Failed
	})
}

// move runs a transition of the loops on one job, and counts its new state. One
// that is gone needs nothing.
func (s *Scheduler) move(ctx context.Context, name string, id JobID, apply func(*draft, *Job, *facts) State) error {
	t := transition[State]{name: name, freeing: true, query: endQuery(id)}
	t.decide = func(f *facts) (p plan[State], err error) {
		job, err := f.job(id)
		if err == nil {
			p.value = apply(&p.draft, &job, f)
		}
		return p, ignoreMissing(err)
	}
	return s.promoted(ctx, t)
}

// promoted runs a transition of the loops, and counts the state that it gave a job.
func (s *Scheduler) promoted(ctx context.Context, t transition[State]) error {
	to, err := run(ctx, s, t)
	if err == nil {
		s.tally.promoted(to)
	}
	return err
}

// settle tells the followers of an ended job, and strikes it off once none is left.
func (s *Scheduler) settle(ctx context.Context, id JobID) error {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyFollowers(id), Limit: loopBatch}}})
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	for _, m := range a.Ranges[0] {
		if err := s.tellFollower(ctx, id, memberID(m)); err != nil {
			return err
		}
	}
	if len(a.Ranges[0]) == loopBatch {
		return nil
	}
	t := transition[struct{}]{name: "settle", freeing: true, decide: func(*facts) (p plan[struct{}], err error) {
		p.guardElse(store.Empty(keyFollowers(id)), errInUse)
		p.effect(store.Unindex(keySettled, idMember(id)))
		return p, nil
	}}
	_, err = run(ctx, s, t)
	return ignore(err, errInUse)
}

// tellFollower tells one follower that a job it follows has ended.
func (s *Scheduler) tellFollower(ctx context.Context, id, follower JobID) error {
	q := endQuery(follower)
	q.Keys = append(q.Keys, keyJob(id))
	message := false
	t := transition[State]{name: "settle", freeing: true, query: q}
	t.decide = func(f *facts) (p plan[State], err error) {
		p.effect(store.Unindex(keyFollowers(id), idMember(follower)))
		job, err := f.job(follower)
		message = job.Message
		if err != nil || job.State.Final() {
			return p, ignoreMissing(err)
		}
		parent, err := f.job(id)
		if ignoreMissing(err) != nil {
			return p, err
		}
		after := job.next()
		after.parentEnded(id, &parent, err, f)
		p.change(&job, &after)
		if after.State != job.State {
			p.tell(&after, string(after.State), after.Detail, f.Now)
			p.wake(&after, f.members(keyIdle))
			p.value = after.State
		}
		return p, nil
	}
	if err := s.promoted(ctx, t); err != nil || !message {
		return err
	}
	return s.enter(ctx, follower)
}

// parentEnded goes on, or fails, with a job that this one follows.
func (j *Job) parentEnded(id JobID, parent *Job, missing error, f *facts) {
	var rest []JobID
	for _, other := range j.Pending {
		if other != id {
			rest = append(rest, other)
		}
	}
	j.Pending = rest
	switch {
	case missing != nil:
		j.fail(ReasonDependency, fmt.Sprintf("job %d is gone", id), f.Now)
	case parent.State == Succeeded:
		if j.State == Scheduled && j.Message { // a server looks first what is registered now
			j.NotBefore = latest(j.NotBefore, f.Now)
		} else if j.State == Scheduled {
			j.promote(f)
		}
	default:
		j.fail(ReasonDependency, dependencyText(parent), f.Now)
	}
}
