package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// TestReapAfterTheClockWasSetBack: what runs on a silent host is queued again
// after 75 s, and not when the store's clock has made up for the hour.
func TestReapAfterTheClockWasSetBack(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := worldOn(t, sim.NewStore("a", func() time.Time { return now }), scheduler.DefaultTiming())
	h := w.host("h1", 1)
	id := w.submit("ana")
	w.start(h.take(nil))
	now = now.Add(-time.Hour)
	var r scheduler.Reaper
	for _, seen := range []time.Duration{0, 74 * time.Second, 75 * time.Second} {
		n, err := w.s.Reap(w.ctx, &r, func() time.Duration { return seen })
		w.must(err)
		if over := seen == 75*time.Second; n == 1 != over {
			t.Errorf("after %s: %d leases ended", seen, n)
		}
	}
	w.wantState(id, scheduler.Queued)
}
