package fleet

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// The agent's own times (agent/orders.go, agent/inventory.go, agent/renew.go,
// agent/claim.go), beside those of scheduler.Timing.
const (
	ordersEvery   = 5 * time.Second
	readingsEvery = 12 * time.Second
	renewGap      = 100 * time.Millisecond
	rounds        = 4
	breath        = 20 * time.Millisecond
)

// Run works as an agent does, until ctx ends. What it runs then stays claimed.
func (h *Host) Run(ctx context.Context) {
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){h.claimLoop, h.renewLoop, h.reportLoop, h.orderLoop} {
		loops.Go(func() { loop(ctx) })
	}
	loops.Wait()
}

// renewLoop is agent.renewLoop: one renewal for all leases.
func (h *Host) renewLoop(ctx context.Context) {
	every := h.s.Timing().RenewEvery
	if !sleep(ctx, rand.N(every), nil) { // agents did not start in one moment
		return
	}
	for ctx.Err() == nil {
		refs, sent := h.refs(), time.Now()
		tried, cancel := context.WithTimeout(ctx, h.s.Timing().RenewTry)
		renewed, err := h.s.Renew(tried, h.Name, h.epoch, refs)
		cancel()
		h.tally.renewed(ctx, time.Since(sent), h.lost(renewed), err)
		wait := every - every/10 + rand.N(every/5+1)
		if err != nil {
			wait = min(time.Second, every/5)
		}
		if sleep(ctx, min(renewGap, wait), nil) {
			sleep(ctx, max(wait-renewGap, 0), h.renew)
		}
	}
}

// reportLoop is agent.reportLoop where only readings change.
func (h *Host) reportLoop(ctx context.Context) {
	for sleep(ctx, readingsEvery/2+rand.N(readingsEvery), nil) {
		inv := h.inv
		inv.Devices = append([]scheduler.DeviceReport(nil), inv.Devices...)
		h.mu.Lock()
		for i := range inv.Devices {
			d := &inv.Devices[i]
			if _, taken := h.held[d.UUID]; taken {
				d.State = gpu.Leased
			}
			d.Used = rand.Int64N(d.Memory)
		}
		h.mu.Unlock()
		h.tally.failed(ctx, "report", h.s.Report(ctx, h.Name, h.epoch, inv))
	}
}

// orderLoop is agent.orderLoop: nobody has ordered anything.
func (h *Host) orderLoop(ctx context.Context) {
	for sleep(ctx, rand.N(2*ordersEvery), nil) {
		_, err := h.s.Orders(ctx, h.Name)
		h.tally.failed(ctx, "orders", err)
	}
}

// claimLoop is agent.claimLoop.
func (h *Host) claimLoop(ctx context.Context) {
	notices, err := h.s.Notices(ctx, h.Name)
	h.tally.failed(ctx, "notices", err)
	look := true
	for ctx.Err() == nil {
		wait := h.poll()
		if look {
			wait = h.claimAll(ctx)
		}
		look = true
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
			h.unmarkIdle(ctx)
			revision, err := h.s.Revision(ctx)
			h.tally.failed(ctx, "revision", err)
			look = err != nil || revision != h.seen
		case <-h.freed:
		case _, open := <-notices:
			if !open {
				notices = nil // polls from now on; the tally has why
			}
			wake(h.renew)
		}
		timer.Stop()
	}
}

func (h *Host) poll() time.Duration {
	t := h.s.Timing()
	return t.PollMin + rand.N(t.PollMax-t.PollMin+1)
}

// claimAll is agent.claimAll.
func (h *Host) claimAll(ctx context.Context) time.Duration {
	for taken := 0; ctx.Err() == nil; {
		if taken == rounds {
			return rand.N(breath)
		}
		offer, free := h.offer()
		if free == 0 {
			return h.poll()
		}
		view, err := h.s.View(ctx, offer, h.seed)
		h.tally.looked(ctx, err)
		if err != nil {
			return h.poll()
		}
		h.seen = view.Revision
		choice := scheduler.Pick(view, offer, view.Now, h.seed)
		switch choice.Kind {
		case scheduler.ChoiceRun:
			if !h.claimOne(ctx, choice, len(view.Held) > 1) {
				taken++
			}
		case scheduler.ChoiceHold:
			return min(max(choice.Until.Sub(view.Now), 0), h.poll())
		default:
			if !h.markIdle(ctx) {
				return h.poll()
			}
		}
	}
	return h.poll()
}

// claimOne is agent.claimOne.
func (h *Host) claimOne(ctx context.Context, choice scheduler.Choice, several bool) bool {
	refused := ""
	for _, c := range append([]scheduler.Choice{choice}, choice.Next...) {
		if c.Kind != scheduler.ChoiceRun || ctx.Err() != nil {
			continue
		}
		if refused != "" && c.User != refused {
			return false
		}
		refused = c.User
		ref, err := h.claim(ctx, scheduler.ClaimRequest{Job: c.Job, User: c.User, Devices: c.Devices, Held: c.Held, FairHeld: several})
		h.tally.claimed(ctx, err)
		if err == nil {
			time.AfterFunc(h.runs, func() { h.finish(ctx, ref, c.Devices) })
			return true
		}
	}
	return false
}

func (h *Host) finish(ctx context.Context, ref scheduler.LeaseRef, devices []string) {
	h.end(ref)
	_, err := h.s.Finish(ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
	h.tally.failed(ctx, "finish", err)
	h.give(devices)
}

func (h *Host) markIdle(ctx context.Context) bool {
	if h.idle {
		return false
	}
	err := h.s.Idle(ctx, h.Name, true)
	h.tally.failed(ctx, "idle", err)
	h.idle = err == nil
	return h.idle
}

func (h *Host) unmarkIdle(ctx context.Context) {
	if _, free := h.offer(); !h.idle || free > 0 {
		return
	}
	err := h.s.Idle(ctx, h.Name, false)
	h.tally.failed(ctx, "idle", err)
	h.idle = err != nil
}

// sleep waits; false: ctx ended.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-early:
	}
	return true
}
