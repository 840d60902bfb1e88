package agent

import (
	"fmt"
	"time"
)

// How long it is waited before a driver that was not let go of is let go of
// again. A try may take seconds, in which no other order is obeyed.
const (
	letGoAgain = 10 * time.Second
	letGoMost  = 2 * time.Minute
)

// grip is whether the agent has the driver. Owned by the loop of the orders.
type grip struct {
	loosened bool // Detach was tried since the last Attach, so that the provider may have let go in part
	free     bool // and it succeeded
	err      error
	pause    time.Duration
	again    time.Duration // CLOCK_BOOTTIME before which it is not tried again
}

// letGo closes the driver, once. The error of a try stands until the next.
func (g *grip) letGo(detach func() error, now func() time.Duration) error {
	if g.free || g.loosened && now() < g.again {
		return g.err
	}
	g.loosened = true
	if err := detach(); err != nil {
		g.pause = clamp(2*g.pause, letGoAgain, letGoMost)
		g.again = now() + g.pause
		g.err = fmt.Errorf("let go of the driver: %w", err)
		return g.err
	}
	g.free, g.err = true, nil
	return nil
}

// take opens the driver again after any try to close it, and reports whether
// there was one.
func (g *grip) take(attach func() error) (bool, error) {
	if !g.loosened {
		return false, nil
	}
	if err := attach(); err != nil {
		return false, fmt.Errorf("take the driver again: %w", err)
	}
	*g = grip{}
	return true, nil
}

// hurry lets the next try be made at once.
func (g *grip) hurry() { g.pause, g.again = 0, 0 }
