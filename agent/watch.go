package agent

import (
	"context"
	"slices"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// watch follows a job that was handed over until the slot says that all its
// processes are dead.
func watch(ctx context.Context, t *attempt) step {
	t.watching.Store(true)
	defer t.watching.Store(false)
	t.agent.moved()
	gone := t.gone.Done()
	for {
		for _, m := range t.inbox.take() {
			if next := t.handle(m); next != nil {
				return next
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-gone:
			if ctx.Err() != nil { // the agent ends, and with it all of its contexts: the job goes on
				return nil
			}
			t.log.Warn().Msg("the lease is not ours any more, killing the job")
			t.link.revoke(t.ref)
			gone = nil
		case <-t.inbox.ready:
		}
	}
}

// handle takes one message in and gives the next step, if it leads to one.
func (t *attempt) handle(m message) step {
	switch {
	case m.order != nil:
		t.log.Info().Str("why", m.order.Why).Msg("stopping the job")
		t.link.cancel(t.ref, stopFor(*m.order))
	case m.lost != "":
		t.log.Warn().Str("why", m.lost).Msg("stopping the job")
		t.link.cancel(t.ref, stopLost(m.lost))
	case m.state != nil && m.line > t.line:
		return t.resume(*m.state)
	case m.event != nil:
		return t.heard(*m.event)
	}
	return nil
}

func (t *attempt) heard(e slot.Event) step {
	switch e.Kind {
	case slot.EventForked:
		t.logs.open(e.Log)
	case slot.EventLog:
		t.logs.grow(e.LogSize)
	case slot.EventProgress:
		t.progress.report(string(e.Progress))
	case slot.EventEnded:
		return t.over(*e.Ended)
	case slot.EventError:
		return t.over(slot.Ended{Outcome: scheduler.OutcomeReleased, Detail: e.Detail, ExitCode: -1})
	}
	return nil
}

// resume compares what a new connection found with what should be, and says
// again what may have got lost with the old one.
func (t *attempt) resume(s slot.State) step {
	switch {
	case s.Attempt == nil:
		return t.over(slot.Ended{
			Outcome: scheduler.OutcomeLost, Started: true, ExitCode: -1,
			Detail: "the slot process died and left no trace of the job",
		})
	case s.Ended != nil:
		return t.over(*s.Ended)
	case !s.Running:
		t.verdict = verdict{kind: giveBack, cause: "the line to the slot broke before the call was handed over"}
		return drop
	}
	t.logs.open(s.Log)
	t.link.extend(t.ref, t.agent.belief.deadline())
	if order := t.ordered(); order != nil {
		t.link.cancel(t.ref, stopFor(*order))
	}
	if why := t.lostFor(); why != "" {
		t.link.cancel(t.ref, stopLost(why))
	}
	if t.isGone() {
		t.link.revoke(t.ref)
	}
	return nil
}

// over notes the end: the processes are dead and the slot's locks are released.
func (t *attempt) over(end slot.Ended) step {
	t.end = &end
	t.agent.fleet.ended(t.devices)
	if end.Log != "" {
		t.logs.open(end.Log)
		t.logs.grow(end.LogSize)
	}
	t.verdict = conclude(end, t.ordered(), t.isGone())
	if t.verdict.kind == giveBack && !end.Started {
		t.log.Warn().Str("error", t.verdict.cause).Msg("releasing a job that its slot could not start")
	}
	return deliver
}

// drop ends what must not go on. The store is told first, so that the job is
// free at once; the device stays clearing until the slot says that nothing is left.
func drop(ctx context.Context, t *attempt) step {
	if t.verdict.kind == finish && !t.granted {
		return rejected
	}
	if t.granted {
		t.link.revoke(t.ref)
	}
	if !t.tell(ctx) {
		return nil
	}
	t.agent.fleet.clear(t.devices)
	if t.granted && !t.awaitEnd(ctx) {
		return nil
	}
	return closing
}

// awaitEnd waits until the slot is rid of the attempt.
func (t *attempt) awaitEnd(ctx context.Context) bool {
	for {
		if slices.ContainsFunc(t.inbox.take(), t.isEnd) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-t.inbox.ready:
		}
	}
}

func (t *attempt) isEnd(m message) bool {
	switch {
	case m.event != nil:
		return m.event.Kind == slot.EventEnded || m.event.Kind == slot.EventError
	case m.state != nil && m.line > t.line:
		if m.state.Attempt != nil && m.state.Ended == nil {
			t.link.revoke(t.ref)
			return false
		}
		return true
	}
	return false
}
