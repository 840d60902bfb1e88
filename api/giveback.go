package api

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// stillKept is the kept function whose process takes, nil where a process of the user's
// own does. One whose function was registered anew or removed is to end.
func (s *Server) stillKept(c *call, me *scheduler.Entered, registered []scheduler.Function) (*scheduler.Function, error) {
	if me.Job == 0 {
		return nil, nil
	}
	if i := slices.IndexFunc(registered, func(f scheduler.Function) bool { return f.Keep && f.Process.Job == me.Job }); i >= 0 {
		return &registered[i], nil
	}
	spec, err := s.scheduler.Spec(c.ctx(), me.Job)
	if err != nil {
		return nil, err
	}
	p, err := s.wholeRequest(c.ctx(), spec)
	if err != nil || p.Call.Kind != submission.KindConsumer { // a job that has functions of its own
		return nil, err
	}
	if i := functionAt(registered, p.Call.Function); i >= 0 && registered[i].Keep && registered[i].Process.Job == 0 {
		job, err := s.scheduler.Job(c.ctx(), me.Job)
		if err != nil {
			return nil, err
		}
		if !job.Submitted.Before(registered[i].Registered) { // whoever submitted it has not noted it yet
			return &registered[i], nil
		}
	}
	return nil, refuse(CodeGiveBack, fmt.Sprintf("the function %s was registered anew, or removed", p.Call.Function))
}

// mayIdle refuses to let the process of a kept function wait any longer: nothing came
// for too long, or somebody waits for its device.
func (s *Server) mayIdle(c *call, me *scheduler.Entered, kept *scheduler.Function, idle time.Duration) error {
	switch {
	case kept == nil || idle < giveBackAfter(s.scheduler.Timing()):
		return nil
	case idle >= kept.Idle:
		return refuse(CodeGiveBack, fmt.Sprintf("nothing came for %s", idle.Round(time.Second)))
	}
	wanted, err := s.scheduler.Wanted(c.ctx(), me.Job)
	if err != nil || wanted == nil {
		return err
	}
	return refuse(CodeGiveBack, fmt.Sprintf("job %d of %s waits for its device, and nothing came for %s", wanted.Job, s.nameFor(c, wanted.User), idle.Round(time.Second)))
}

// giveBackAfter is how long a process may do nothing while others wait for its device: 10 s.
func giveBackAfter(t scheduler.Timing) time.Duration { return 2 * t.RenewEvery }
