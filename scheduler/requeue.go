package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Requeue runs a failed or cancelled job again, as a new job with the same
// spec; the two name each other. A repeat gets the new job of the first time.
// A user may requeue their own, an admin anybody's.
func (s *Scheduler) Requeue(ctx context.Context, who Who, id JobID) (JobID, error) {
	if err := s.adoptOnce(ctx); err != nil {
		return 0, fmt.Errorf("requeue: %w", err)
	}
	for range maxConflicts {
		newID, err := s.tryRequeue(ctx, who, id)
		switch {
		case errors.Is(err, errIDs):
			continue
		case errors.Is(err, ErrHold):
			if err := s.adopt(ctx); err != nil {
				return 0, fmt.Errorf("requeue: %w", err)
			}
			continue
		}
		if err == nil {
			s.enterSoon(ctx, newID)
		}
		return newID, err
	}
	return 0, fmt.Errorf("requeue: %w", ErrConflictRepeat)
}

func (s *Scheduler) tryRequeue(ctx context.Context, who Who, id JobID) (JobID, error) {
	newID, identity, err := s.ids.take(ctx, s.store, 1)
	if err != nil {
		return 0, fmt.Errorf("requeue: %w", err)
	}
	q := endQuery(id)
	q.Keys = append(q.Keys, keySpec(id), keyEpoch)
	t := transition[JobID]{name: "requeue", query: q}
	t.decide = func(f *facts) (plan[JobID], error) {
		if f.Identity != identity {
			return plan[JobID]{}, errIDs
		}
		return s.decideRequeue(f, who, id, newID)
	}
	got, err := run(ctx, s, t)
	if errors.Is(err, errIDs) {
		s.ids.drop(identity)
	}
	return got, err
}

func (s *Scheduler) decideRequeue(f *facts, who Who, id, newID JobID) (p plan[JobID], err error) {
	old, err := f.job(id)
	switch {
	case err != nil:
		return p, err
	case old.User != who.User && !who.Admin:
		return p, fmt.Errorf("%w: %d", ErrNotFound, id)
	case old.RequeuedAs != 0:
		p.value = old.RequeuedAs
		return p, nil
	case old.State == Succeeded:
		return p, fmt.Errorf("%w: job %d succeeded and has its result", ErrFinal, id)
	case !old.State.Final():
		return p, fmt.Errorf("%w: job %d is %s", ErrNotFinal, id, old.State)
	}
	epoch, err := f.epoch()
	if err != nil {
		return p, err
	}
	if newID < epoch.First {
		return p, errIDs
	}
	again := old.again(newID, epoch.Epoch)
	again.Submitted, again.ResultTTL = f.Now, who.keepAgain(again.ResultTTL)
	if again.enqueue(f.Now); again.Message { // a server looks first what is registered now
		again.State, again.NotBefore = Scheduled, f.Now
	}
	spec, err := s.signAgain(f, &old, &again)
	if err != nil {
		return p, err
	}
	marked := old.next()
	marked.RequeuedAs = newID
	p.change(&old, &marked)
	p.create(&again, f.Now)
	p.effect(store.Put(keySpec(newID), spec))
	p.wake(&again, f.members(keyIdle))
	p.value = newID
	return p, nil
}

// signAgain is the spec of the new job. The old one's must be signed: whoever requeues
// a job sees its name and state, and not who has written it.
func (s *Scheduler) signAgain(f *facts, old, again *Job) ([]byte, error) {
	spec, err := decodeSpec(old.ID, f.record(keySpec(old.ID)).Value)
	if err != nil {
		return nil, err
	}
	if err := s.Verify(old, &spec); err != nil {
		return nil, err
	}
	s.sign(&spec, again.ID, again)
	return encodeSpec(spec), nil
}

// again is a job as it was submitted: nothing of what became of it. It does
// not follow other jobs again. It takes its old rank, which may be ahead of
// its user's other jobs: it has waited before.
func (j *Job) again(id JobID, epoch uint64) Job {
	return Job{
		ID: id, User: j.User, Unix: j.Unix, Name: j.Name, Class: j.Class, Shared: j.Shared, Priority: j.Priority,
		Devices: j.Devices, Rank: j.Rank, Epoch: epoch,
		Timeout: j.Timeout, TimeoutFrom: j.TimeoutFrom, QueueTimeout: j.QueueTimeout, Grace: j.Grace, Retries: j.Retries + j.Failures,
		KeepOnPartition: j.KeepOnPartition, ResultTTL: j.ResultTTL, Hold: j.Hold, Message: j.Message, Functions: j.Functions, Asked: j.Asked, RequeueOf: j.ID,
		Callback: Callback{URL: j.Callback.URL},
	}
}
