package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/scheduler"
)

// NewerError says that the slot has a job, and speaks a protocol that this build does
// not know. It goes on without an agent until its lease ends; an agent of its own build
// or a later one that is started before that takes the job over.
type NewerError struct {
	Version  string // of the build that the slot is of
	Protocol int
	PID      int // of the slot
	Job      scheduler.JobID
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("its slot is of mlq %s, with slot protocol %d, and this agent knows those up to %d: job %d there runs on without an agent until its lease ends; start mlq %s again, or a later one, to keep it",
		e.Version, e.Protocol, Protocol, e.Job, e.Version)
}

// Wait returns when the slot is gone, or ctx ends.
func (e *NewerError) Wait(ctx context.Context) {
	for again := time.NewTicker(time.Second); ctx.Err() == nil; {
		if errors.Is(unix.Kill(e.PID, 0), unix.ESRCH) {
			return
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

// tooNew is why an agent of this build cannot take the slot's job over; nil: it can.
func (s *State) tooNew() error {
	if s.Protocol <= Protocol || s.Attempt == nil {
		return nil
	}
	return &NewerError{Version: s.Version, Protocol: s.Protocol, PID: s.PID, Job: s.Attempt.Job}
}
