package agent

import (
	"context"
	"os"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// grant gives the slot a lease and tells on which connection: what earlier
// ones said of the slot's attempt says nothing of this lease.
func (l *link) grant(g slot.Grant, locks []*os.File) (line int, err error) {
	l.mu.Lock()
	c, line := l.client, l.line
	l.mu.Unlock()
	if c == nil {
		return line, errNoSlot
	}
	return line, c.Grant(g, locks)
}

func (l *link) handOver(ref scheduler.LeaseRef, call []*os.File) error {
	return l.send(func(c *slot.Client) error { return c.Go(ref, call...) })
}

func (l *link) extend(ref scheduler.LeaseRef, deadline time.Duration) {
	l.tell("extend", func(c *slot.Client) error { return c.Extend(ref, deadline) })
}

func (l *link) cancel(ref scheduler.LeaseRef, s slot.Stop) {
	l.tell("cancel", func(c *slot.Client) error { return c.Cancel(ref, s) })
}

func (l *link) revoke(ref scheduler.LeaseRef) {
	l.tell("revoke", func(c *slot.Client) error { return c.Revoke(ref) })
}

func (l *link) done(ref scheduler.LeaseRef) {
	l.tell("done", func(c *slot.Client) error { return c.Done(ref) })
}

// quit ends the slot, which has no attempt, over the line on which it may have
// been told so just now, and waits until it is gone. From here on none is
// started in its place.
func (l *link) quit(ctx context.Context) {
	l.mu.Lock()
	l.leaving = true
	l.mu.Unlock()
	if err := l.send((*slot.Client).Quit); err != nil {
		return // retireSlots finds what is there
	}
	select {
	case <-l.left:
	case <-ctx.Done():
	}
}

func (l *link) tell(what string, do func(*slot.Client) error) {
	if err := l.send(do); err != nil {
		l.log.Debug().Err(err).Str("device", l.uuid).Str("order", what).Msg("the slot did not get an order")
	}
}

// send does something with the line, if there is one. A failure means that the
// line broke: the state of the next connection shows what the slot got.
func (l *link) send(do func(*slot.Client) error) error {
	l.mu.Lock()
	c := l.client
	l.mu.Unlock()
	if c == nil {
		return errNoSlot
	}
	return do(c)
}
