package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// TestEndOfAClaimThatTheStoreLost: the store's clock is set back, and it loses a claim with its
// last writes. Nothing tells it of the lost fence; still the late end of that attempt is not
// taken for one of the attempt that runs on the same device since.
func TestEndOfAClaimThatTheStoreLost(t *testing.T) {
	now, own := time.Unix(1_800_000_000, 0), time.Duration(0)
	clock := func() time.Time { return now }
	st := sim.NewStore("a", clock)
	before := worldOn(t, st, scheduler.DefaultTiming())
	h := before.host("h1", 1)
	now = now.Add(time.Hour) // the fences of the device are of this time
	h.join(nil, nil)
	before.submit("ana")
	before.succeed(before.start(h.take(nil)))
	now = now.Add(-time.Hour)
	h.join(nil, nil)
	id := before.submit("ana")
	replica := st.Reborn("b", clock)
	lost := before.start(h.take(nil))

	after := worldOn(t, replica, scheduler.DefaultTiming())
	h2 := after.host("h1", 1)
	var hold scheduler.HoldWatch
	for range 3 {
		_, err := after.s.EndHoldOff(after.ctx, &hold, func() time.Duration { return own })
		after.must(err)
		now, own = now.Add(76*time.Second), own+76*time.Second
		h2.join(nil, nil)
		after.submit("ana") // which adopts the store
	}
	c, err := h2.claim(scheduler.Choice{Job: id, User: "ana", Devices: []string{h2.inv.Devices[0].UUID}})
	after.must(err)
	after.start(c)
	if c.Fence > lost.Fence+2000 || c.Fence+2000 < lost.Fence {
		t.Fatalf("fences %d and %d: the time decided", lost.Fence, c.Fence)
	}
	_, err = after.s.Finish(after.ctx, lost, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
	if !errors.Is(err, scheduler.ErrStale) {
		t.Errorf("the late end of a lost attempt: %v", err)
	}
}
