package scheduler

import "fmt"

// attemptOf finds the attempt that was given this fence.
func (j *Job) attemptOf(fence uint64) *Attempt {
	for i := range j.Attempts {
		if j.Attempts[i].Fence == fence {
			return &j.Attempts[i]
		}
	}
	return nil
}

// leaseOf gives the current attempt if it is the one with this fence and the
// job is active; else ErrStale with what became of it.
func (j *Job) leaseOf(fence uint64) (*Attempt, error) {
	a := j.Attempt()
	if j.State.Active() && a.Fence == fence {
		return a, nil
	}
	old := j.attemptOf(fence)
	switch {
	case old == nil:
		return nil, fmt.Errorf("%w: job %d never had a lease with fence %d", ErrStale, j.ID, fence)
	case old.Cause != "":
		return nil, fmt.Errorf("%w: attempt %d of job %d ended as %s: %s", ErrStale, old.N, j.ID, old.Outcome, old.Cause)
	}
	return nil, fmt.Errorf("%w: attempt %d of job %d ended as %s", ErrStale, old.N, j.ID, old.Outcome)
}

// ended reports whether the attempt with this fence ended that way: the sign
// by which a repeat recognises its own earlier success.
func (j *Job) ended(fence uint64, o Outcome) bool {
	a := j.attemptOf(fence)
	return a != nil && a.Outcome == o
}
