package agent_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// A heartbeat that hangs is told of before others may have the leases; one that
// goes round again is well.
func TestHangingRenewalsAreNoticed(t *testing.T) {
	w := newWorld(t, 20)
	h := w.start("h1", "cpu:1", nil)
	if err := h.agent.Stuck(); err != nil {
		t.Fatalf("at the start: %v", err)
	}
	release := h.agent.HangRenewals()
	begun := time.Now()
	h.awaitStuck(`"renew"`)
	if took := time.Since(begun); took > scheduler.DefaultTiming().Scale(20).Believe {
		t.Errorf("noticed after %s", took)
	}
	release()
	h.awaitWell()
}

// hangingProvider does not come back from a look at a device while hang is set.
type hangingProvider struct {
	gpu.Provider

	hang atomic.Bool
	free chan struct{}
}

func (p *hangingProvider) Sample(ctx context.Context, uuid string) (gpu.Sample, error) {
	if p.hang.Load() {
		<-p.free
	}
	return p.Provider.Sample(ctx, uuid)
}

// So is a claim that hangs in the driver.
func TestHangingClaimIsNoticed(t *testing.T) {
	w := newWorld(t, 100)
	p := &hangingProvider{free: make(chan struct{})}
	h := w.start("h1", "cpu:1", func(o *agent.Options) { p.Provider, o.Provider = o.Provider, p })
	p.hang.Store(true)
	w.submit(call("def f(msg):\n    pass", nil))
	h.awaitStuck(`"claim"`)
	p.hang.Store(false)
	close(p.free)
	h.awaitWell()
}

func (h *host) awaitStuck(loop string) {
	h.w.t.Helper()
	h.w.until(loop+" to be stuck", func() bool {
		err := h.agent.Stuck()
		return err != nil && strings.Contains(err.Error(), loop)
	}, func() string { return fmt.Sprint(h.agent.Stuck()) })
}

func (h *host) awaitWell() {
	h.w.t.Helper()
	h.w.until("all loops to go round", func() bool { return h.agent.Stuck() == nil },
		func() string { return fmt.Sprint(h.agent.Stuck()) })
}
