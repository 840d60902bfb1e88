package agent

import (
	"context"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// launch runs an attempt until it is over. It is known, and so renewed, from here on.
func (a *Agent) launch(t *attempt, first step) {
	a.mu.Lock()
	a.known[t.ref] = t
	a.mu.Unlock()
	a.attemptsRun.Go(func() { t.run(a.attempts, first) })
}

// forget takes out an attempt that is over.
func (a *Agent) forget(t *attempt) {
	a.mu.Lock()
	delete(a.known, t.ref)
	a.mu.Unlock()
	a.moved()
}

// moved wakes who waits for attempts.
func (a *Agent) moved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed = make(chan struct{})
}

// takeOver adopts what a slot has and nobody here owns.
func (a *Agent) takeOver(l *link, s slot.State, line int) {
	t, first := a.adopt(a.attempts, l, s, line)
	l.own(t)
	a.launch(t, first)
}

// running lists the attempts of this agent.
func (a *Agent) running() []*attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*attempt, 0, len(a.known))
	for _, t := range a.known {
		all = append(all, t)
	}
	return all
}

// refs names the leases of this agent.
func (a *Agent) refs() []scheduler.LeaseRef {
	a.mu.Lock()
	defer a.mu.Unlock()
	refs := make([]scheduler.LeaseRef, 0, len(a.known))
	for ref := range a.known {
		refs = append(refs, ref)
	}
	return refs
}

// attemptOf gives the attempt with this lease, nil if it is over.
func (a *Agent) attemptOf(ref scheduler.LeaseRef) *attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[ref]
}

// newLink makes the line to a device's slot.
func (a *Agent) newLink(uuid string) *link {
	return &link{
		uuid: uuid, life: a.fleet.lifeOf(uuid), fleet: a.fleet, log: a.opts.Log, owners: map[scheduler.LeaseRef]*attempt{},
		found: a.takeOver, left: make(chan struct{}), stop: func() {},
		start: func(ctx context.Context) (*slot.Client, error) {
			return slot.Start(ctx, a.opts.SlotCommand, a.slotOptions(uuid))
		},
	}
}
