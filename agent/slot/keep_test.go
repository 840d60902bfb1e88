package slot_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
)

// A job with on_partition=keep that never got its call would hold its device
// for as long as no agent comes: until it has started, the deadline holds.
func TestKeepHoldsFromTheStart(t *testing.T) {
	b := newBench(t, func(o *slot.Options) {
		o.TermBefore, o.KillBefore, o.WatchEvery = 200*time.Millisecond, 100*time.Millisecond, 20*time.Millisecond
	})
	b.grant(func(g *slot.Grant) { g.Keep, g.Deadline = true, boottime.Now()+700*time.Millisecond })
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeLost, "", "could not be renewed")
	if ended.Started || !b.free() {
		t.Errorf("%+v, free %v", ended, b.free())
	}
}
