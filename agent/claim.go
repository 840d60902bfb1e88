package agent

import (
	"context"
	mathrand "math/rand/v2"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// After so many views in which everything was taken by somebody else, an agent
// lets the others go first for a moment, up to breath.
const (
	rounds = 4
	breath = 20 * time.Millisecond
)

// claimLoop claims jobs for free devices: when a notice comes, when a device
// becomes free, and, as the truth behind both, at a jittered poll.
func (a *Agent) claimLoop(ctx context.Context) {
	notices := a.notices(ctx)
	look := true
	defer a.pulse.End(loopClaim)
	for ctx.Err() == nil {
		a.pulse.Beat(loopClaim, a.claimWithin())
		wait := a.poll()
		if look {
			wait = a.claimAll(ctx)
		}
		look = true
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
			a.unmarkIdle(ctx)
			look = a.mayHaveChanged(ctx)
		case <-a.fleet.freed:
		case _, open := <-notices:
			if !open {
				notices = a.notices(ctx)
			}
			a.renewSoon() // it may be about a lease
			a.ordered.wake()
		}
		timer.Stop()
	}
}

// notices subscribes to the hints for this host. Without them the poll finds
// everything, later.
func (a *Agent) notices(ctx context.Context) <-chan struct{} {
	c, err := a.opts.Scheduler.Notices(ctx, a.opts.Name)
	if err != nil && ctx.Err() == nil {
		a.opts.Log.Warn().Err(err).Msg("no notices from the store, polling only")
		c = nil
		time.AfterFunc(a.timing.PollMax, a.fleet.wake)
	}
	return c
}

// claimAll claims until nothing is free, or nothing is left that fits, and
// gives the time after which to look again.
func (a *Agent) claimAll(ctx context.Context) time.Duration {
	poll := a.poll()
	for taken := 0; ctx.Err() == nil; {
		a.pulse.Beat(loopClaim, a.claimWithin())
		if taken == rounds {
			return mathrand.N(breath)
		}
		if a.belief.stage(a.now()) != trusting {
			return poll
		}
		offer := a.offer()
		if !anyFree(offer) && !a.drained {
			return poll
		}
		if !a.signers.known(ctx) {
			return poll
		}
		view, err := a.opts.Scheduler.View(ctx, offer, a.seed)
		if err != nil {
			a.warn(ctx, err, "cannot look at the queue")
			return poll
		}
		a.seen, a.drained = view.Revision, view.Drained != "" || len(view.DrainedDevices) > 0
		a.fleet.drain(view.Drained, view.DrainedDevices)
		choice := scheduler.Pick(view, offer, view.Now, a.seed)
		switch choice.Kind {
		case scheduler.ChoiceRun:
			won, err := a.claimOne(ctx, choice, len(view.Held) > 1)
			if err != nil {
				a.warn(ctx, err, "cannot claim")
				return poll
			}
			if !won {
				taken++
			}
		case scheduler.ChoiceHold:
			return clamp(choice.Until.Sub(view.Now), 0, poll)
		default:
			if !a.markIdle(ctx) {
				return poll
			}
			// Freshly marked: what was queued in between got no notice.
		}
	}
	return poll
}

// poll is the time until the next look at the queue if nothing wakes us.
func (a *Agent) poll() time.Duration {
	return a.timing.PollMin + mathrand.N(a.timing.PollMax-a.timing.PollMin+1)
}

// mayHaveChanged asks the store cheaply whether anything at all was written
// since the last look at the queue.
func (a *Agent) mayHaveChanged(ctx context.Context) bool {
	revision, err := a.opts.Scheduler.Revision(ctx)
	return err != nil || revision != a.seen
}

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }

// warn logs what a loop goes on after, unless it was told to end.
func (a *Agent) warn(ctx context.Context, err error, what string) {
	if ctx.Err() == nil {
		a.opts.Log.Warn().Err(err).Msg(what)
	}
}
