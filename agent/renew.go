package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// ErrReplaced: another process has this agent's name now. Its jobs were killed.
var ErrReplaced = errors.New("another agent has this host's name")

// renewGap is the least time between two renewals that notices ask for.
const renewGap = 100 * time.Millisecond

// renewLoop is the agent's heartbeat: one round trip for all leases. It does
// nothing else; the slots watch the deadline by themselves.
func (a *Agent) renewLoop(ctx context.Context) error {
	defer a.pulse.End(loopRenew)
	told := troubles{}
	for {
		a.pulse.Beat(loopRenew, a.renewWithin())
		every := a.timing.RenewEvery
		wait := every - every/10 + rand.N(every/5+1)
		err := a.renewOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, scheduler.ErrStaleAgent):
			return fmt.Errorf("%w: %w", ErrReplaced, err)
		case err != nil:
			wait = a.renewFailed(err, told)
		default:
			clear(told)
		}
		if !a.awaitRenewal(ctx, wait) {
			return nil
		}
	}
}

// awaitRenewal waits for the next turn, or for a notice. False: ctx ended.
func (a *Agent) awaitRenewal(ctx context.Context, wait time.Duration) bool {
	sleep(ctx, min(renewGap, wait))
	timer := time.NewTimer(max(wait-renewGap, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-a.renewAsked:
	}
	return ctx.Err() == nil
}

// renewSoon asks for a renewal before its turn.
func (a *Agent) renewSoon() {
	select {
	case a.renewAsked <- struct{}{}:
	default:
	}
}

// renewOnce renews all leases and takes in what the store says of each. A store
// that has lost this agent is joined again, until it answers: it may have heard, and
// know this process by a number that was never told. Nobody else takes the name
// from a process that was heard of so lately.
func (a *Agent) renewOnce(ctx context.Context) error {
	a.renewing.Lock()
	defer a.renewing.Unlock()
	sent, wall := a.now(), a.wall.now() // before the sending: the store's clock starts later
	ctx, cancel := context.WithTimeout(ctx, a.timing.RenewTry)
	defer cancel()
	if a.unheard && a.belief.stage(a.now()) == trusting {
		return a.join(ctx)
	}
	renewed, err := a.opts.Scheduler.Renew(ctx, a.opts.Name, a.epoch.Load(), a.refs())
	if errors.Is(err, scheduler.ErrRejoin) {
		a.opts.Log.Warn().Err(err).Msg("the store lost this agent, joining again")
		a.unheard = true
		return a.join(ctx)
	}
	if err != nil {
		return err
	}
	a.confirm(sent)
	a.wall.compare(wall, a.now()-sent, renewed.Now, a.opts.Log)
	for _, answer := range renewed.Answers {
		if t := a.attemptOf(answer.Ref); t != nil {
			t.hear(answer)
		}
	}
	return nil
}

// confirm moves the deadline of every running job. A slot that hangs must not
// hold up the heartbeat of the others: each is told on its own, for 5 s at
// most, and an order that is overtaken does no harm.
func (a *Agent) confirm(sent time.Duration) {
	a.belief.confirm(sent)
	deadline := a.belief.deadline()
	for _, t := range a.running() {
		go t.link.extend(t.ref, deadline)
	}
}

// renewFailed says what the failing renewals mean by now, and gives the time until the
// next: soon, while there are leases to save.
func (a *Agent) renewFailed(err error, told troubles) time.Duration {
	soon := min(time.Second, a.timing.RenewEvery/5)
	words := ""
	switch a.belief.stage(a.now()) {
	case trusting:
		words = "cannot renew, trying again"
	case warned:
		words = "cannot renew: no new jobs are taken"
	case stopping:
		words = "cannot renew: the slots stop their jobs"
	case lost:
		words, soon = "cannot renew: the leases are lost", a.timing.RenewEvery
	}
	if told.fresh(words+err.Error(), time.Now()) {
		a.opts.Log.Warn().Err(err).Msg(words)
	}
	return soon
}

// join makes this process the agent of its host's name, and takes over or ends
// what its slots run.
func (a *Agent) join(ctx context.Context) error {
	sent, wall := a.now(), a.wall.now()
	refs := a.refs()
	locks := newJoinLocks(a.lockDir)
	defer locks.close()
	joined, err := a.opts.Scheduler.Join(ctx, a.inventory(), refs, locks.try)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	a.epoch.Store(joined.Epoch)
	a.unheard = false
	a.fleet.unkept.wake()
	a.confirm(sent)
	a.wall.compare(wall, a.now()-sent, joined.Now, a.opts.Log)
	for _, ref := range joined.Kill {
		if t := a.attemptOf(ref); t != nil {
			t.hear(scheduler.RenewAnswer{Ref: ref, Gone: true})
		}
	}
	a.opts.Log.Info().Uint64("epoch", joined.Epoch).Int("adopted", len(joined.Adopt)).Int("killed", len(joined.Kill)).Msg("joined")
	a.opts.Joined(joined.Epoch)
	return nil
}
