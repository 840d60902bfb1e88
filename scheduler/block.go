package scheduler

import (
	"cmp"
	"context"
	"fmt"
)

// Block notes that a job does nothing but wait for another one's result. It is
// refused with ErrDeadlock where that one can never run because of such waits: a job
// that waits keeps its devices, which may be the last ones that the other could get.
//
// The wait is noted first and judged then, so that of several jobs that begin to wait
// at the same time the last to look sees them all; and who waits says so again every
// few seconds, because what was free meanwhile may be another waiting job's. Refusals
// beside: ErrNotFound, ErrNoLease, ErrStale.
func (s *Scheduler) Block(ctx context.Context, id, on JobID) error {
	job, ref, err := s.leased(ctx, id)
	if err != nil {
		return err
	}
	if err := s.note(ctx, "block", ref, blockedOn(on)); err != nil {
		return err
	}
	why, err := s.deadlock(ctx, &job, on)
	if err != nil || why == "" {
		return err
	}
	if err := s.note(ctx, "unblock", ref, blockedOn(0)); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrDeadlock, why)
}

// Unblock notes that a job waits no more. Refusals: ErrNotFound, ErrNoLease, ErrStale.
func (s *Scheduler) Unblock(ctx context.Context, id JobID) error {
	_, ref, err := s.leased(ctx, id)
	if err != nil {
		return err
	}
	return s.note(ctx, "unblock", ref, blockedOn(0))
}

func (s *Scheduler) leased(ctx context.Context, id JobID) (Job, LeaseRef, error) {
	job, err := s.Job(ctx, id)
	switch {
	case err != nil:
		return job, LeaseRef{}, err
	case !job.State.Active():
		return job, LeaseRef{}, fmt.Errorf("%w: job %d is %s, and only one that runs can wait for another", ErrNoLease, id, job.State)
	}
	return job, LeaseRef{id, job.Attempt().Fence}, nil
}

func blockedOn(on JobID) func(*Job) bool {
	return func(j *Job) bool {
		changed := j.Attempt().BlockedOn != on
		j.Attempt().BlockedOn = on
		return changed
	}
}

// deadlock says why the job would wait for ever; "": it would not, as far as that can
// be seen now.
func (s *Scheduler) deadlock(ctx context.Context, waiter *Job, id JobID) (string, error) {
	on, err := s.Job(ctx, id)
	if err != nil || on.State.Final() {
		return "", err
	}
	sc, err := s.scene(ctx, &on)
	if err != nil {
		return "", fmt.Errorf("block: %w", err)
	}
	w := waits{waiter: waiter, on: &on, scene: &sc}
	if w.circle, err = s.leadsTo(ctx, id, waiter.ID); err != nil {
		return "", fmt.Errorf("block: %w", err)
	}
	if w.consumers, err = s.Consumers(ctx, ""); err != nil {
		return "", fmt.Errorf("block: %w", err)
	}
	if w.need, err = s.placeNeed(ctx, &on, sc.need); err != nil {
		return "", fmt.Errorf("block: %w", err)
	}
	return w.deadlock(), nil
}

// placeNeed is what has to be free for the job to run: what it needs itself, or what the
// process of its function does. nil: it has that, or its user's own processes may come.
func (s *Scheduler) placeNeed(ctx context.Context, on *Job, need Need) (*Need, error) {
	if !on.Consumed() {
		return &need, nil
	}
	list, err := s.Functions(ctx, on.User)
	if err != nil {
		return nil, err
	}
	fn := keptFor(need.Functions, list)
	if fn == nil {
		return nil, nil
	}
	switch job, err := s.Job(ctx, fn.Process.Job); {
	case ignoreMissing(err) != nil:
		return nil, err
	case err == nil && job.State.Active():
		return nil, nil
	}
	process, err := ParseNeed(cmp.Or(fn.Class, classAny))
	return &process, err
}

// maxFollowed is how many jobs are looked at for what they wait for.
const maxFollowed = 256

// leadsTo follows what each job waits for, from one on, and reports whether another is
// among that.
func (s *Scheduler) leadsTo(ctx context.Context, from, to JobID) (bool, error) {
	seen := make(map[JobID]bool)
	for todo := []JobID{from}; len(todo) > 0 && len(seen) < maxFollowed; {
		id := todo[0]
		todo = todo[1:]
		switch {
		case id == to:
			return true, nil
		case seen[id]:
			continue
		}
		seen[id] = true
		job, err := s.Job(ctx, id)
		if ignoreMissing(err) != nil {
			return false, err
		}
		if err == nil {
			todo = append(todo, job.waitsFor()...)
		}
	}
	return false, nil
}

// waitsFor are the jobs whose ends it waits for now, before it runs or while it does.
func (j *Job) waitsFor() []JobID {
	switch {
	case j.State.Final():
		return nil
	case j.State.Active() && j.Attempt().BlockedOn != 0:
		return []JobID{j.Attempt().BlockedOn}
	}
	return j.Pending
}
