package agent_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
)

// Whenever an agent is told to end, also while it starts its slots, none of
// them stays without a job.
func TestEndAtAnyTimeLeavesNoSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first := time.Now()
	h := w.start("h1", "cpu:3", nil)
	whole := time.Since(first)
	h.end()
	h.noSlots("after an end in peace")
	const moments = 12
	for i := range moments {
		after := whole * time.Duration(i) / moments
		h.runFor(after)
		h.noSlots(fmt.Sprintf("after an end %v after the start, of %v", after, whole))
	}
}

// runFor runs the agent and tells it to end after so long.
func (h *host) runFor(d time.Duration) {
	h.w.t.Helper()
	o, err := hostOptions(h.name, h.data, h.gpus, h.w.sched, h.w.shelf.http.URL, python)
	if err != nil {
		h.w.t.Fatal(err)
	}
	o.Log = testLog(h.w.t)
	a, err := agent.New(h.w.ctx, o)
	if err != nil {
		h.w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.w.ctx, d)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		h.w.t.Error(err)
	}
	if err := a.Close(); err != nil {
		h.w.t.Error(err)
	}
}

// noSlots: the slots that Run ended are gone; one that nobody had reached yet
// finds so by itself.
func (h *host) noSlots(when string) {
	h.w.t.Helper()
	h.w.until("no slot "+when, func() bool { return len(h.slots()) == 0 }, func() string { return fmt.Sprint(h.slots()) })
}

// The slot of a device whose job goes on stays, and only that one.
func TestEndLeavesTheSlotOfAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	h := w.start("h1", "cpu:3", nil)
	g := w.gate()
	pid := g.running(1)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	if left := h.slots(); len(left) != 1 {
		t.Errorf("slots %v stay, want one", left)
	}
	h.ended = make(chan error, 1)
	h.run(nil)
	g.open()
	if got := w.value(g.id); got != fmt.Sprint(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
}
