package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// Bounds of the start and of the end.
const (
	slotPatience = 20 * time.Second // for all slots to say what they have
	quietWithin  = 3 * time.Second  // for short steps to be done at the end
	quitWithin   = 10 * time.Second // for idle slots to be gone
)

// Run joins and works until ctx ends. Then it takes no new work and, with
// Options.Drain, waits for what runs; otherwise the jobs go on in their slots,
// and the next agent adopts them. ErrReplaced: another process took this
// host's name; the jobs here were killed. ErrNameTaken: this one did not, because
// another agent is alive under it. scheduler.ErrForbidden: the server
// does not let this agent join; the jobs go on until their deadline. Either way no slot without a job is
// left behind, whenever ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	defer a.retireSlots() // the last of all, when nothing here starts slots any more
	a.attempts, a.stopAll = context.WithCancel(context.WithoutCancel(ctx))
	defer a.attemptsRun.Wait()
	defer a.stopAll()
	defer a.crew.Wait()
	var cutLines context.CancelFunc
	a.lineLife, cutLines = context.WithCancel(context.WithoutCancel(ctx))
	defer cutLines()
	a.findRelics(ctx)
	if !a.findAttempts(ctx) {
		return nil
	}
	if err := a.joinFirst(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	for _, l := range a.lines.all() {
		a.crew.Go(func() { l.run(a.lineLife) })
	}
	return a.work(ctx)
}

// findAttempts connects to all slots and adopts what they have: before the
// join, which tells the store what runs here. A device is looked at from then
// on: before, its own job's processes would be taken for somebody else's.
func (a *Agent) findAttempts(ctx context.Context) bool {
	within, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range a.lines.all() {
		all.Go(func() {
			defer a.watchLine(l)
			s, err := l.connect(within)
			if err != nil {
				a.warn(ctx, fmt.Errorf("device %s: %w", l.uuid, err), "cannot start a slot")
				return
			}
			l.setReady(l.takesJobs()) // so that the join tells the store of a free device
			if s.Attempt != nil {
				a.takeOver(l, s, 1)
			}
		})
	}
	all.Wait()
	return ctx.Err() == nil
}

// joinFirst joins as soon as the store can be reached. An error: it never will
// be by this agent, whose token is no token, or another host's, or whose name
// another agent has.
func (a *Agent) joinFirst(ctx context.Context) error {
	free := false // the name, and seen so once: a join whose answer is lost leaves an epoch that is not known to be ours
	for pause := 100 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
		var err error
		if !free {
			err = a.awaitName(ctx)
			free = err == nil
		}
		if err == nil {
			a.renewing.Lock()
			err = a.join(ctx)
			a.renewing.Unlock()
		}
		if err == nil {
			if err := a.keep(); err != nil { // at once: without it the next start waits to see who this was
				a.warn(ctx, err, "cannot keep which process has joined")
			}
			return nil
		}
		if errors.Is(err, scheduler.ErrForbidden) || errors.Is(err, ErrNameTaken) {
			return err
		}
		a.warn(ctx, err, "cannot join, trying again")
		sleep(ctx, pause)
	}
	return nil
}

// work runs the loops until ctx ends or the name is lost.
func (a *Agent) work(ctx context.Context) error {
	claiming, stopClaiming := context.WithCancel(ctx)
	defer stopClaiming()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	var claims sync.WaitGroup
	claims.Go(func() { a.claimLoop(claiming) })
	for _, loop := range []func(context.Context){a.deviceLoop, a.eventLoop, a.lockLoop, a.orderLoop, a.keepLoop, a.reportLoop, a.janitor, a.watchAPI, a.environmentLoop, a.signerLoop} {
		a.crew.Go(func() { loop(serving) })
	}
	replaced := make(chan error, 1)
	a.crew.Go(func() { replaced <- a.renewLoop(serving) })

	select {
	case <-ctx.Done():
		claims.Wait()
		a.leave(replaced)
		return nil
	case err := <-replaced:
		stopClaiming()
		claims.Wait()
		a.opts.Log.Error().Err(err).Msg("ending: killing the jobs of this host")
		a.killAll()
		return err
	}
}

// leave ends the work: what runs is waited for, or left to the slots.
func (a *Agent) leave(replaced <-chan error) {
	if a.opts.Drain {
		a.opts.Log.Info().Int("jobs", len(a.running())).Msg("draining: waiting for running jobs")
		a.awaitAttempts(replaced, func(t *attempt) bool { return false }, 0)
	} else {
		a.awaitAttempts(replaced, func(t *attempt) bool { return t.watching.Load() }, quietWithin)
	}
	a.stopAndQuit()
}

// killAll ends all jobs here because their leases are not ours any more.
func (a *Agent) killAll() {
	for _, t := range a.running() {
		t.hear(scheduler.RenewAnswer{Ref: t.ref, Gone: true})
	}
	a.awaitAttempts(nil, func(t *attempt) bool { return false }, a.timing.Empty-a.timing.Kill+quietWithin)
	a.stopAndQuit()
}

// awaitAttempts waits until every attempt is over or may be left, at most for
// so long (0: without limit), or until the agent was replaced.
func (a *Agent) awaitAttempts(replaced <-chan error, mayLeave func(*attempt) bool, within time.Duration) {
	ctx := context.Background()
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	for {
		a.mu.Lock()
		changed, left := a.changed, 0
		for _, t := range a.known {
			if !mayLeave(t) {
				left++
			}
		}
		a.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-replaced: //nolint:errcheck // whoever is replaced has told so already
			return
		case <-ctx.Done():
			return
		}
	}
}

// watchAPI keeps an eye on a server that did not answer.
func (a *Agent) watchAPI(ctx context.Context) {
	a.away.run(ctx, a.opts.API.Ready, a.fleet.wake)
}

// stopAndQuit ends the attempts' steps, then the slots that no attempt was left to.
func (a *Agent) stopAndQuit() {
	busy := map[*link]bool{}
	for _, t := range a.running() {
		busy[t.link] = true
	}
	a.stopAll()
	a.attemptsRun.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), quietWithin)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range a.lines.all() {
		if !busy[l] {
			all.Go(func() { l.quit(ctx) })
		}
	}
	all.Wait()
}

// retireSlots ends every slot that has nothing to do, also one to which there
// never was a line: because the agent ended while it started, or the line broke.
// What a slot has, it says itself.
func (a *Agent) retireSlots() {
	ctx, cancel := context.WithTimeout(context.Background(), quitWithin)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range a.lines.all() {
		all.Go(func() {
			if err := slot.Retire(ctx, a.slotDir(l.uuid)); err != nil {
				a.opts.Log.Warn().Err(err).Str("device", l.uuid).Msg("a slot stays")
			}
		})
	}
	all.Wait()
}
