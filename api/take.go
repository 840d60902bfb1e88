package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// A consumer takes messages as an agent takes jobs: the server views, picks, claims
// and starts for it, with the transitions of every other caller. Any server may
// answer any of its requests.

// take answers POST /consumer/take: a job as soon as there is one, 204 when the wait is over.
func (s *Server) take(c *call) error {
	in := new(ConsumerTake)
	if err := readStrict(c, maxAgentBody, in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	wake, stop := s.hub.waitConsumer(c.who.User)
	defer stop()
	defer s.whileGood(c)()
	began := time.Now()
	deadline := time.NewTimer(min(time.Duration(in.Wait*float64(time.Second)), s.opts.MaxWait))
	defer deadline.Stop()
	for last := false; ; {
		job, err := s.tryTake(c, in, time.Since(began))
		switch {
		case err != nil:
			return c.orRevoked(err)
		case job != nil:
			return s.write(c, http.StatusOK, job)
		case last:
			c.WriteHeader(http.StatusNoContent)
			return nil
		}
		// A wake that comes with the deadline is not lost: one look more.
		last = !s.sleep(c, wake, deadline.C)
		if err := c.orRevoked(nil); err != nil {
			return err
		}
		if last && c.ctx().Err() != nil {
			return c.ctx().Err()
		}
	}
}

// tryTake takes a job if one waits now; nil: none does. waited is how long the take has lasted.
func (s *Server) tryTake(c *call, in *ConsumerTake, waited time.Duration) (*ConsumerJob, error) {
	me, err := s.scheduler.Enter(c.ctx(), scheduler.Consumer{
		ID: in.Consumer, User: c.who.User, Job: scheduler.JobID(c.who.Job), Serves: in.Functions,
	})
	if err != nil {
		return nil, err
	}
	registered, err := s.scheduler.Functions(c.ctx(), c.who.User)
	if err != nil {
		return nil, err
	}
	if len(me.Holds) > 0 {
		return s.takeAgain(c, in, &me, registered)
	}
	kept, err := s.stillKept(c, &me, registered)
	if err != nil {
		return nil, err
	}
	won, err := s.claimFor(c, in, &me, registered)
	if err != nil {
		return nil, err
	}
	if won == nil {
		return nil, s.mayIdle(c, &me, kept, time.Duration(in.Idle*float64(time.Second))+waited)
	}
	return s.handOver(c, won, registered)
}

// takeAgain answers a repeat of the take whose answer was lost with the same job.
func (s *Server) takeAgain(c *call, in *ConsumerTake, me *scheduler.Entered, registered []scheduler.Function) (*ConsumerJob, error) {
	id := me.Holds[0]
	job, err := s.scheduler.Job(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	a := job.Attempt()
	if !job.State.Active() || a.Host != me.Host() { // it ended just now
		return nil, nil
	}
	if a.ClaimID != in.Claim {
		return nil, refuse(CodeInUse, fmt.Sprintf("this consumer took job %d, which has not ended: finish it, or stop renewing its lease", id))
	}
	spec, err := s.scheduler.Spec(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return s.handOver(c, &scheduler.Claimed{Job: job, Spec: spec, Fence: a.Fence}, registered)
}

// claimFor claims the first of the waiting messages that this consumer gets; nil: there is none.
func (s *Server) claimFor(c *call, in *ConsumerTake, me *scheduler.Entered, registered []scheduler.Function) (*scheduler.Claimed, error) {
	o := scheduler.Offer{
		Host: me.Host(), Consumer: me.User,
		Devices: []scheduler.OfferedDevice{{Device: gpu.Device{UUID: me.Host(), Kind: gpu.KindConsumer}, Free: true}},
	}
	o.Serves, o.ServesAll = in.served(registered)
	view, err := s.scheduler.View(c.ctx(), o, me.Epoch)
	if err != nil {
		return nil, err
	}
	choice := scheduler.Pick(view, o, view.Now, me.Epoch)
	for _, next := range append([]scheduler.Choice{choice}, choice.Next...) {
		if next.Kind != scheduler.ChoiceRun {
			return nil, nil
		}
		won, err := s.scheduler.Claim(c.ctx(), scheduler.ClaimRequest{
			Host: me.Host(), Epoch: me.Epoch, Job: next.Job, User: next.User, Devices: next.Devices, ClaimID: in.Claim,
		})
		switch {
		case err == nil:
			return &won, nil
		case errors.Is(err, scheduler.ErrBusy), errors.Is(err, scheduler.ErrFinal), errors.Is(err, scheduler.ErrNotFound): // the next one
		default:
			return nil, err
		}
	}
	return nil, nil
}

// handOver starts the job and says what is to be run. A job that was cancelled
// meanwhile, or cannot be read, is ended here; nil: look for another.
func (s *Server) handOver(c *call, won *scheduler.Claimed, registered []scheduler.Function) (*ConsumerJob, error) {
	ref := scheduler.LeaseRef{Job: won.Job.ID, Fence: won.Fence}
	if err := s.scheduler.Verify(&won.Job, &won.Spec); err != nil {
		s.log.Error().Err(err).Int64("job", int64(ref.Job)).Msg("refused a job that no server has signed: somebody else wrote to the store, or another server has another key")
		return nil, s.scheduler.Release(c.ctx(), ref, err.Error())
	}
	if missing := scheduler.MissingFunctions(won.Job.Functions, registered); len(missing) > 0 {
		return nil, s.scheduler.Await(c.ctx(), ref, missing)
	}
	if err := s.scheduler.Start(c.ctx(), ref); errors.Is(err, scheduler.ErrCancelled) {
		return nil, s.scheduler.Release(c.ctx(), ref, err.Error())
	} else if err != nil {
		return nil, err
	}
	p, err := s.wholeRequest(c.ctx(), won.Spec)
	if err != nil {
		return nil, s.unreadable(c, ref, err)
	}
	a, t := won.Job.Attempt(), s.scheduler.Timing()
	return &ConsumerJob{
		Job: ref.Job, Attempt: a.N, Fence: ref.Fence, Msg: p.Call.Msg, Functions: chosenNames(p.Call.Functions, registered),
		FullMessage: p.FullMessage(submission.Running{ID: ref.Job, Submitted: won.Job.Submitted, Started: time.Now(), Worker: a.Host + "/" + a.Devices[0], Attempt: a.N}),
		Timeout:     won.Job.Timeout.Seconds(), Grace: won.Job.Grace.Seconds(), Lease: t.Believe.Seconds(),
	}, nil
}

// unreadable ends a job whose message cannot be had: for good, or until it can, as one that
// is damaged and brought back from a backup.
func (s *Server) unreadable(c *call, ref scheduler.LeaseRef, cause error) error {
	var bad *submission.Error
	if code, _ := codeOf(cause); code != CodeNotFound && !errors.As(cause, &bad) {
		cause = fmt.Errorf("the message of job %d: %w", ref.Job, cause)
		return errors.Join(cause, s.scheduler.Release(c.ctx(), ref, "its message could not be fetched"))
	}
	_, err := s.scheduler.Finish(c.ctx(), ref, scheduler.Finish{
		Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonRejected, Detail: "the message cannot be read: " + cause.Error(),
	})
	return err
}

// chosenNames are those that a message names, or else all that are registered, in order of arrival.
func chosenNames(names []string, registered []scheduler.Function) []string {
	if names != nil {
		return slices.Clone(names)
	}
	return each(registered, func(f scheduler.Function) string { return f.Name })
}
