package agent_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
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

// stalling is a scheduler whose answer to a look at the queue does not come while
// somebody else has the lock.
type stalling struct {
	agent.Scheduler

	lock sync.Mutex
}

func (s *stalling) View(ctx context.Context, o scheduler.Offer, seed uint64) (scheduler.View, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.Scheduler.View(ctx, o, seed)
}

// So is a claim that hangs.
func TestHangingClaimIsNoticed(t *testing.T) {
	w := newWorld(t, 20)
	s := &stalling{}
	h := w.start("h1", "cpu:1", func(o *agent.Options) { s.Scheduler, o.Scheduler = o.Scheduler, s })
	s.lock.Lock()
	id := w.submit(call("def f(msg):\n    pass", nil))
	h.awaitStuck(`"claim"`)
	s.lock.Unlock()
	h.awaitWell()
	w.awaitState(id, scheduler.Succeeded)
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
