package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/rs/zerolog"
)

// errNoSlot: the slot process cannot be reached just now; the link is at it.
var errNoSlot = errors.New("the device's slot process does not answer")

// link keeps the line to the slot of one device: it starts the slot where none
// runs, connects again when the line breaks, and hands what the slot says to
// the attempt that the slot has.
type link struct {
	uuid  string
	life  uint64 // of the device
	start func(context.Context) (*slot.Client, error)
	// found is told of an attempt in the slot that nobody here owns, and gives
	// it an owner: after a restart of the agent, or a message that was lost.
	found func(l *link, s slot.State, line int)
	fleet *fleet
	log   zerolog.Logger

	mu      sync.Mutex
	client  *slot.Client
	process slot.Process // of the slot at the other end
	line    int          // counts the connections
	owners  map[scheduler.LeaseRef]*attempt
	leaving bool          // run makes no further connection, and so starts no slot
	left    chan struct{} // closed when run has returned
	stop    func()        // ends the looks at the device
}

// connect makes the first connection, before the agent joins.
func (l *link) connect(ctx context.Context) (slot.State, error) {
	c, err := l.start(ctx)
	if err != nil {
		return slot.State{}, err
	}
	process, err := slot.FindProcess(c.State().PID)
	if err != nil {
		return slot.State{}, errors.Join(fmt.Errorf("the slot that answered is gone: %w", err), c.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client, l.process = c, process
	l.line++
	return c.State(), nil
}

// slotProcess is the slot at the other end of the last connection.
func (l *link) slotProcess() slot.Process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.process
}

func (l *link) setReady(ready bool) { l.fleet.setReady(l.uuid, l.life, ready) }

// takesJobs reports whether the slot may be given a job.
func (l *link) takesJobs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client != nil && !l.client.Outdated()
}

// run serves the line until ctx ends, or until the slot has quit; else the slot
// lives on.
func (l *link) run(ctx context.Context) {
	defer close(l.left)
	pause := 50 * time.Millisecond
	for ctx.Err() == nil {
		c, err := l.current(ctx)
		if errors.Is(err, errLeaving) {
			return
		}
		if newer, ok := errors.AsType[*slot.NewerError](err); ok {
			newer.Wait(ctx) // findAttempts has said so
			continue
		}
		if err != nil {
			l.log.Warn().Err(err).Str("device", l.uuid).Msg("cannot reach the slot, trying again")
			sleep(ctx, pause)
			pause = min(2*pause, 5*time.Second)
			continue
		}
		pause = 50 * time.Millisecond
		l.serve(ctx, c)
	}
}

// errLeaving: the agent ends, and the slot with it.
var errLeaving = errors.New("the agent is leaving")

func (l *link) current(ctx context.Context) (*slot.Client, error) {
	l.mu.Lock()
	c, leaving := l.client, l.leaving
	l.mu.Unlock()
	if leaving {
		return nil, errLeaving
	}
	if c != nil {
		return c, nil
	}
	if _, err := l.connect(ctx); err != nil {
		return nil, err
	}
	return l.current(ctx)
}

// serve handles one connection from its state to its end.
func (l *link) serve(ctx context.Context, c *slot.Client) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // the slot sees the end of the line either way
	defer stop()
	l.greet(c.State())
	l.setReady(!c.Outdated())
	for e := range c.Events() {
		l.route(e)
	}
	l.setReady(false)
	l.mu.Lock()
	l.client = nil
	leaving := l.leaving
	l.mu.Unlock()
	switch {
	case ctx.Err() != nil || leaving:
	case c.Outdated():
		l.log.Info().Str("device", l.uuid).Msg("the slot of another build has ended, starting one of this")
		_ = c.Close()
	default:
		l.log.Warn().Err(c.Err()).Str("device", l.uuid).Msg("lost the line to the slot")
		_ = c.Close()
	}
}

// greet tells all attempts of this slot what a new connection found, and has
// one adopted that nobody here owns.
func (l *link) greet(s slot.State) {
	l.mu.Lock()
	line, known := l.line, false
	for ref, t := range l.owners {
		if s.Attempt != nil && s.Attempt.Ref() == ref {
			known = true
			t.inbox.put(message{state: &s, line: line})
		} else {
			t.inbox.put(message{state: &slot.State{Device: s.Device}, line: line})
		}
	}
	l.mu.Unlock()
	if s.Attempt != nil && !known {
		l.found(l, s, line)
	}
}

// route hands an event to its attempt. One of an attempt that nobody has any
// more is answered, so that the slot becomes free.
func (l *link) route(e slot.Event) {
	l.mu.Lock()
	t := l.owners[e.Ref()]
	l.mu.Unlock()
	if t != nil {
		t.inbox.put(message{event: &e})
		return
	}
	if e.Kind == slot.EventEnded || e.Kind == slot.EventError {
		l.done(e.Ref())
	}
}

// own makes t hear of everything that concerns its lease.
func (l *link) own(t *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owners[t.ref] = t
}

func (l *link) disown(t *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.owners, t.ref)
}

// The following say again on the next connection what got lost (attempt.resume),
// so a failure needs no answer here.

// sleep waits, or returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
