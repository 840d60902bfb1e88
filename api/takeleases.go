package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// ownConsumer is the consumer of this id if it is of who asks. One that is not known
// any more has no lease: its leases ended before it was forgotten.
func (s *Server) ownConsumer(c *call, id string) (scheduler.Consumer, error) {
	if err := checkConsumer(id); err != nil {
		return scheduler.Consumer{}, err
	}
	known, err := s.scheduler.ConsumerByID(c.ctx(), id)
	switch {
	case errors.Is(err, scheduler.ErrNotFound):
		return known, fmt.Errorf("%w: nothing was heard of this consumer for too long", scheduler.ErrStale)
	case err == nil && known.User != c.who.User:
		return known, refuse(CodeForbidden, "this consumer is another user's")
	}
	return known, err
}

// ownLease is ownConsumer for one of its leases.
func (s *Server) ownLease(c *call, id string, ref LeaseRef) (scheduler.Consumer, error) {
	known, err := s.ownConsumer(c, id)
	if err == nil {
		err = s.ours(c, known.Host(), ref)
	}
	return known, err
}

// consumerRenew answers POST /consumer/renew: the heartbeat while it works.
func (s *Server) consumerRenew(c *call) error {
	in := new(ConsumerRenew)
	if err := readStrict(c, maxAgentBody, in); err != nil {
		return err
	}
	if err := checkRefs("/leases", in.Leases); err != nil {
		return err
	}
	known, err := s.ownConsumer(c, in.Consumer)
	if errors.Is(err, scheduler.ErrStale) {
		return s.write(c, http.StatusOK, ConsumerRenewed{Stop: each(in.Leases, func(r LeaseRef) ConsumerStop {
			return ConsumerStop{r.Job, err.Error(), scheduler.OutcomeLost}
		})})
	}
	if err != nil {
		return err
	}
	if err := s.renewals.allow(known.Host(), 1, "this consumer renews far more often than its leases need"); err != nil {
		return err
	}
	renewed, err := s.scheduler.Renew(c.ctx(), known.Host(), known.Epoch, Leases(in.Leases))
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, ConsumerRenewed{Stop: stops(renewed.Answers)})
}

// stops is pure: what a consumer is to stop, and how it ends it.
func stops(answers []scheduler.RenewAnswer) []ConsumerStop {
	stop := []ConsumerStop{}
	for _, a := range answers {
		switch {
		case a.Gone:
			stop = append(stop, ConsumerStop{a.Ref.Job, a.Why, scheduler.OutcomeLost})
		case a.Cancel && a.Then == "requeue":
			stop = append(stop, ConsumerStop{a.Ref.Job, a.Why, scheduler.OutcomeReleased})
		case a.Cancel:
			stop = append(stop, ConsumerStop{a.Ref.Job, a.Why, scheduler.OutcomeCancelled})
		}
	}
	return stop
}

// consumerProgress answers POST /consumer/progress.
func (s *Server) consumerProgress(c *call) error {
	in := new(ConsumerProgress)
	if err := readStrict(c, maxAgentBody, in); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Compact(&text, in.Progress); err != nil || text.Len() > maxProgress {
		return refuseField(CodeInvalidField, "/progress", fmt.Sprintf("progress: want a value of at most %d bytes of JSON", maxProgress))
	}
	if _, err := s.ownLease(c, in.Consumer, in.LeaseRef); err != nil {
		return err
	}
	if err := s.scheduler.Progress(c.ctx(), in.Lease(), text.String()); err != nil {
		return aboutJob(err, in.Job)
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// leaseParams reads ?consumer=&job=&fence=, and checks whose they are.
func (s *Server) leaseParams(c *call) (scheduler.LeaseRef, error) {
	q := c.r.URL.Query()
	job, _ := strconv.ParseInt(q.Get("job"), 10, 64)
	fence, _ := strconv.ParseUint(q.Get("fence"), 10, 64)
	ref := LeaseRef{Job: scheduler.JobID(job), Fence: fence} // what cannot be read is 0, which check refuses
	if err := ref.check(""); err != nil {
		return ref.Lease(), err
	}
	_, err := s.ownLease(c, q.Get("consumer"), ref)
	return ref.Lease(), err
}

// consumerLog answers PUT /consumer/log?consumer=&job=&fence=&offset=: a piece of what
// the job printed. The rules are those of PUT /jobs/{id}/attempts/{n}/log.
func (s *Server) consumerLog(c *call) error {
	ref, err := s.leaseParams(c)
	if err != nil {
		return err
	}
	offset, err := c.logOffset()
	if err != nil {
		return err
	}
	job, err := s.scheduler.Job(c.ctx(), ref.Job)
	if err != nil {
		return err
	}
	a := job.Attempt()
	if !job.State.Active() || a.Fence != ref.Fence {
		return scheduler.ErrStale
	}
	size, err := s.writeLog(c, int64(ref.Job), a.N, offset)
	if err != nil {
		return err
	}
	if err := s.scheduler.LogLength(c.ctx(), ref, size); err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// consumerFinish answers POST /consumer/finish?consumer=&job=&fence=&outcome=: the body
// is the envelope of what the job returned or raised.
func (s *Server) consumerFinish(c *call) error {
	ref, err := s.leaseParams(c)
	if err != nil {
		return err
	}
	outcome := scheduler.Outcome(c.r.URL.Query().Get("outcome"))
	if outcome == scheduler.OutcomeReleased {
		if err := s.scheduler.Release(c.ctx(), ref, "its consumer gave it back"); err != nil {
			return aboutJob(err, ref.Job)
		}
		c.WriteHeader(http.StatusNoContent)
		return nil
	}
	end, err := s.consumerEnd(c, outcome)
	if err != nil {
		return err
	}
	if _, err := s.scheduler.Finish(c.ctx(), ref, end); err != nil {
		return aboutJob(err, ref.Job)
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// consumerEnd reads how an attempt ended, and keeps what it left.
func (s *Server) consumerEnd(c *call, outcome scheduler.Outcome) (scheduler.Finish, error) {
	end := scheduler.Finish{Outcome: outcome}
	kind := map[scheduler.Outcome]string{
		scheduler.OutcomeSucceeded: envelope.KindResult, scheduler.OutcomeFailed: envelope.KindError,
		scheduler.OutcomeTimedOut: envelope.KindError, scheduler.OutcomeCancelled: envelope.KindError,
	}[outcome]
	if kind == "" {
		return end, refuse(CodeInvalidField, "outcome: want succeeded, failed, cancelled, timed_out or released")
	}
	body, err := s.readBody(c)
	if err != nil {
		return end, err
	}
	if len(body) == 0 && (outcome == scheduler.OutcomeCancelled || outcome == scheduler.OutcomeTimedOut) {
		if outcome == scheduler.OutcomeTimedOut {
			end.Detail = "its time limit passed"
		}
		return end, nil
	}
	if err := wantMedia(c.r, envelope.Media); err != nil {
		return end, err
	}
	h, err := envelope.ParseAll(body)
	switch {
	case err != nil:
		return end, refuse("bad-envelope", err.Error())
	case h.Kind != kind:
		return end, refuse("bad-envelope", fmt.Sprintf("of a job that %s want an envelope of the kind %s, not %s", outcome, kind, h.Kind))
	}
	if h.Kind == envelope.KindError {
		var reason string
		reason, end.Detail = h.Failure()
		end.Reason = scheduler.Reason(reason)
	}
	return end, s.keepEnd(c, &end, h, body)
}

// keepEnd keeps an envelope in the store, or, where it is large, as a blob.
func (s *Server) keepEnd(c *call, end *scheduler.Finish, h *envelope.Header, body []byte) error {
	end.Result = scheduler.Result{SHA256: blob.Sum(body), Size: int64(len(body)), Short: h.ShortText()}
	if len(body) <= scheduler.InlineLimit {
		end.Result.Inline, end.Inline = true, body
		return nil
	}
	_, err := s.opts.Blobs.PutBytes(c.ctx(), body)
	return err
}
