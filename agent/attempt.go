package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/rs/zerolog"
)

// attempt is one lease of ours, from the claim to the moment at which store
// and slot have both forgotten it. One goroutine runs it, step by step:
//
//	open ──▶ watch ──▶ deliver ──▶ settle
//	  │        │                     ▲
//	  └────────┴──▶ drop ────────────┘
//
// open gives the lease to the slot and hands the call over; watch follows the
// job; deliver sends what it left; drop ends what must not go on; settle tells
// the store how it ended and then the slot to forget it. An agent that
// restarts enters at watch, deliver or drop, as the slot says.
type attempt struct {
	agent   *Agent
	link    *link
	ref     scheduler.LeaseRef
	n       int
	devices []string
	log     zerolog.Logger

	// Of a fresh claim only.
	job    scheduler.Job
	spec   scheduler.Spec
	replay bool
	secret string
	locks  []*lockfile.Lock

	inbox *mailbox[message]
	// gone is done when the lease is somebody else's: nothing may be sent any more.
	gone    context.Context
	setGone context.CancelCauseFunc
	// opening is done when the call must not be handed over: gone, or a cancel.
	opening     context.Context
	stopOpening context.CancelCauseFunc

	// watching: the job runs and can be left to the slot.
	watching atomic.Bool
	mu       sync.Mutex
	order    *scheduler.RenewAnswer // the first cancel that came
	lost     string                 // why it is ended for its device, "" if it is not
	notes    []string               // what the driver said of its devices

	// Owned by the attempt's goroutine.
	end      *slot.Ended
	verdict  verdict
	granted  bool // the slot may have the lease
	line     int  // the connection over which it was granted
	logs     *logShipper
	progress *progressShipper
}

// message is what an attempt hears: one of event, state, order and lost.
type message struct {
	event *slot.Event
	state *slot.State            // a new connection to the slot
	order *scheduler.RenewAnswer // a cancel
	lost  string                 // its device is gone
	line  int                    // of a state: the connection's number
}

// step is a state of the attempt; it does its work and gives the next one, nil
// at the end. A step returns nil early when the agent ends: slot and store
// keep what the next agent needs.
type step func(context.Context, *attempt) step

// errGone is why gone is done.
var errGone = errors.New("the lease is not ours any more")

func (a *Agent) newAttempt(ctx context.Context, l *link, ref scheduler.LeaseRef, n int, devices []string) *attempt {
	t := &attempt{
		agent: a, link: l, ref: ref, n: n, devices: devices, inbox: newMailbox[message](),
		log: a.opts.Log.With().Int64("job", int64(ref.Job)).Int("attempt", n).Logger(),
	}
	t.gone, t.setGone = context.WithCancelCause(ctx)
	t.opening, t.stopOpening = context.WithCancelCause(t.gone)
	t.logs = newLogShipper(a.opts.API, ref, n, t.log)
	t.progress = newProgressShipper(a.opts.Scheduler, ref, t.log)
	return t
}

// run takes the steps from first to the end.
func (t *attempt) run(ctx context.Context, first step) {
	var helpers sync.WaitGroup
	helpers.Go(func() { t.logs.run(t.gone) })
	helpers.Go(func() { t.progress.run(t.gone) })
	for s := first; s != nil && ctx.Err() == nil; {
		s = s(ctx, t)
	}
	t.setGone(nil)
	helpers.Wait()
	t.unlock()
	t.link.disown(t)
	t.agent.forget(t)
}

// hear takes over what a renewal said of the lease.
func (t *attempt) hear(r scheduler.RenewAnswer) {
	switch {
	case r.Gone:
		t.setGone(errGone)
	case r.Cancel:
		t.mu.Lock()
		first := t.order == nil
		if first {
			t.order = &r
		}
		t.mu.Unlock()
		if first {
			t.stopOpening(scheduler.ErrCancelled)
			t.inbox.put(message{order: &r})
		}
	}
}

// ordered is the cancel that came, nil if none did.
func (t *attempt) ordered() *scheduler.RenewAnswer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order
}

// isGone reports whether the lease was lost, as far as we were told.
func (t *attempt) isGone() bool { return errors.Is(context.Cause(t.gone), errGone) }

// adopt makes an attempt of what a slot has, after a restart of the agent or a
// break of the line, and gives the step at which to go on.
func (a *Agent) adopt(ctx context.Context, l *link, s slot.State, line int) (*attempt, step) {
	g := s.Attempt
	devices := make([]string, len(g.Devices))
	for i, d := range g.Devices {
		devices[i] = d.UUID
	}
	t := a.newAttempt(ctx, l, g.Ref(), g.Attempt, devices)
	t.granted, t.line = true, line-1 // the state of this line counts
	t.inbox.put(message{state: &s, line: line})
	var freeBy time.Time
	if g.Timeout > 0 {
		freeBy = time.Now().Add(g.Timeout)
	}
	a.fleet.take(devices, g.Job, freeBy, holder{l.slotProcess(), g.Hold})
	if s.Ended == nil && !s.Running {
		t.log.Info().Msg("releasing a job whose call had not been handed over")
		t.verdict = verdict{kind: giveBack, cause: "the agent restarted before the call was handed over"}
		return t, drop
	}
	t.log.Info().Bool("ended", s.Ended != nil).Msg("adopted a job")
	return t, watch
}
