package agent_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// forgetful tells an agent once that its store has lost it, and then loses the answer
// to the join that follows.
type forgetful struct {
	agent.Scheduler

	forgot, unheard atomic.Bool
	joins           atomic.Int32
}

func (f *forgetful) Renew(ctx context.Context, host string, epoch uint64, refs []scheduler.LeaseRef) (scheduler.Renewed, error) {
	if f.forgot.CompareAndSwap(true, false) {
		f.unheard.Store(true)
		return scheduler.Renewed{}, fmt.Errorf("%w: %s", scheduler.ErrRejoin, host)
	}
	return f.Scheduler.Renew(ctx, host, epoch, refs)
}

func (f *forgetful) Join(ctx context.Context, inv scheduler.Inventory, running []scheduler.LeaseRef, locked func(string) bool) (scheduler.Joined, error) {
	joined, err := f.Scheduler.Join(ctx, inv, running, locked)
	f.joins.Add(1)
	if f.unheard.CompareAndSwap(true, false) {
		return scheduler.Joined{}, fmt.Errorf("%w: the answer is lost", store.ErrUnavailable)
	}
	return joined, err
}

// An agent that joined again and did not hear the answer does not take itself for
// another one of its name: it asks again, and its job goes on.
func TestJoinAgainWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	f := &forgetful{Scheduler: w.sched}
	h := w.start("h1", "cpu:1", func(o *agent.Options) { o.Scheduler = f })
	g := w.gate()
	pid := g.running(1)
	before := f.joins.Load()
	f.forgot.Store(true)
	w.until("the agent to join twice", func() bool { return f.joins.Load() == before+2 || len(h.ended) > 0 }, func() string { return "it does not" })
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	w.handedOn()
	if err := h.end(); err != nil {
		t.Error(err)
	}
}
