package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// The process of a kept function is a job, which servers submit when a message waits
// that no consumer takes. Which generation of it is there is noted with the function,
// guarded, before it is submitted, and the submit has that generation's key: whatever
// the number of servers, and wherever one of them ends, it is one job.

// keepProcesses starts processes when they are wanted, until ctx ends.
func (s *Server) keepProcesses(ctx context.Context) {
	every := s.scheduler.Timing().PromoteEvery
	wake, stop := s.hub.waitConsumer("")
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := ""
	for ctx.Err() == nil {
		err := s.startProcesses(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != last {
			last = err.Error()
			s.log.Error().Err(err).Msg("a kept function cannot be loaded, the server goes on trying")
		}
		if err == nil {
			last = ""
		}
		pause(ctx, every/10) // many messages at once are looked at once
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-wake:
		}
	}
}

// startProcesses looks once at all messages that wait for consumers.
func (s *Server) startProcesses(ctx context.Context) error {
	if err := s.endConsumers(ctx); err != nil {
		return err
	}
	waiting, err := s.scheduler.ConsumedWaiting(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, w := range waiting {
		if err := s.startProcess(ctx, w); err != nil {
			failures = append(failures, fmt.Errorf("user %s: %w", w.User, err))
		}
	}
	return errors.Join(failures...)
}

// endConsumers ends the leases of processes whose jobs have ended: nobody works on them.
func (s *Server) endConsumers(ctx context.Context) error {
	consumers, err := s.scheduler.Consumers(ctx, "")
	if err != nil {
		return err
	}
	for i := range consumers {
		c := &consumers[i]
		if c.Job == 0 {
			continue
		}
		job, err := s.scheduler.Job(ctx, c.Job)
		if err != nil && !errors.Is(err, scheduler.ErrNotFound) {
			return err
		}
		if err == nil && job.State.Active() {
			continue
		}
		if err := s.scheduler.EndConsumer(ctx, c.ID, fmt.Sprintf("job %d, which ran it, has ended", c.Job)); err != nil {
			return err
		}
	}
	return nil
}

// startProcess starts the process that is to take some messages, unless there is one.
func (s *Server) startProcess(ctx context.Context, w scheduler.Waiting) error {
	registered, err := s.scheduler.Functions(ctx, w.User)
	if err != nil {
		return err
	}
	consumers, err := s.scheduler.Consumers(ctx, w.User)
	if err != nil {
		return err
	}
	now, err := s.scheduler.Now(ctx)
	if err != nil {
		return err
	}
	fn := wantedProcess(w.Functions, registered, consumers, now, s.scheduler.Timing())
	if fn == nil {
		return nil
	}
	job, err := s.jobOf(ctx, fn.Process)
	if err != nil {
		return err
	}
	next, begin, submit := fn.Process.Next(job, now, s.scheduler.Timing())
	if begin {
		if noted, err := s.noteProcess(ctx, w.User, fn, next); err != nil || !noted {
			return err
		}
		fn.Process = next
	}
	if !submit {
		return nil
	}
	return s.submitProcess(ctx, w.User, fn)
}

// wantedProcess is pure: the kept function whose process would take messages for these
// functions (none: all that are registered), nil where a consumer does, or no process
// could: it has one function.
func wantedProcess(names []string, registered []scheduler.Function, consumers []scheduler.Consumer, now time.Time, t scheduler.Timing) *scheduler.Function {
	if len(names) == 0 {
		names = chosenNames(nil, registered)
	}
	if len(names) != 1 {
		return nil
	}
	i := functionAt(registered, names[0])
	if i < 0 || !registered[i].Keep {
		return nil
	}
	if slices.ContainsFunc(consumers, func(c scheduler.Consumer) bool { return c.Has(names...) && now.Sub(c.Renewed) < t.Believe }) {
		return nil
	}
	return &registered[i]
}

// jobOf is the job of a process; nil: there is none, or it is not known any more.
func (s *Server) jobOf(ctx context.Context, p scheduler.Process) (*scheduler.Job, error) {
	if p.Job == 0 {
		return nil, nil
	}
	job, err := s.scheduler.Job(ctx, p.Job)
	if errors.Is(err, scheduler.ErrNotFound) {
		return nil, nil
	}
	return &job, err
}

// errMoved: the function, or its process, is another by now.
var errMoved = errors.New("the function has changed")

// noteProcess puts next in the place of the function's process, if that is still the one
// that was seen; it reports whether it was.
func (s *Server) noteProcess(ctx context.Context, user string, fn *scheduler.Function, next scheduler.Process) (bool, error) {
	err := s.scheduler.ChangeFunctions(ctx, user, func(list []scheduler.Function, _ time.Time, _ bool) ([]scheduler.Function, error) {
		i := functionAt(list, fn.Name)
		if i < 0 || !list[i].Registered.Equal(fn.Registered) || list[i].Process != fn.Process {
			return nil, errMoved
		}
		list[i].Process = next
		return list, nil
	})
	if errors.Is(err, errMoved) {
		return false, nil
	}
	return err == nil, err
}

// submitProcess submits the job of a process that was noted, and notes that.
func (s *Server) submitProcess(ctx context.Context, user string, fn *scheduler.Function) error {
	if err := s.scheduler.VerifyFunctions(user, []scheduler.Function{*fn}); err != nil {
		return err
	}
	who, sub, err := s.processSubmission(ctx, user, fn)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("process %d of %s, registered %d", fn.Process.Generation, fn.Name, fn.Registered.UnixMicro())
	done, err := s.scheduler.Submit(ctx, who, []scheduler.Submission{sub}, key)
	if err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	with := fn.Process
	with.Job = done.IDs[0]
	noted, err := s.noteProcess(ctx, user, fn, with)
	if err == nil && !noted { // another server has noted it, or the function is another by now and the process ends by itself
		s.log.Debug().Int64("job", int64(with.Job)).Msg("the process of a function was noted by another")
	}
	return err
}

// processSubmission is what a process is submitted as, and for whom. What the user may
// ask for was checked when the function was registered; messages that wait must not keep
// back the process that takes them.
func (s *Server) processSubmission(ctx context.Context, user string, fn *scheduler.Function) (scheduler.Who, scheduler.Submission, error) {
	p, err := processJob(fn)
	if err != nil {
		return scheduler.Who{}, scheduler.Submission{}, err
	}
	asks, err := s.opts.Tokens.Complete(ctx, auth.Identity{User: user, Unix: fn.Unix, Role: auth.RoleUser})
	if err != nil {
		return scheduler.Who{}, scheduler.Submission{}, err
	}
	who := s.limited(asks)
	who.Admin, who.MaxQueued = true, 0
	return who, p.Submission, nil
}
