//go:build linux && cgo

package nvml

import (
	"context"
	"sync"
	"time"
)

// gate keeps calls out of the library while it is not open, and lets nobody
// close it below a call. It is no RWMutex: a call that hangs would have the next
// one wait for whoever wants to close.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside int
	times  int           // how often it was opened
	empty  chan struct{} // closed when nobody is inside a closed gate
	opened chan struct{} // closed when it is open
}

func newGate() *gate { return &gate{closed: true, opened: make(chan struct{})} }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		g.closed = false
		g.times++
		close(g.opened)
	}
}

// enter reports whether the library may be called, until leave. The number
// names this opening: handles of another one mean nothing.
func (g *gate) enter() (int, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, false
	}
	g.inside++
	return g.times, true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more, and reports whether all are out in time.
func (g *gate) close(patience time.Duration) bool {
	g.mu.Lock()
	if !g.closed {
		g.closed, g.opened, g.empty = true, make(chan struct{}), make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	empty := g.empty
	g.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-empty:
		return true
	case <-timer.C:
		return false
	}
}

// opening is the number of the last opening.
func (g *gate) opening() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.times
}

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// untilOpen waits; false: ctx has ended.
func (g *gate) untilOpen(ctx context.Context) bool {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	select {
	case <-opened:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
