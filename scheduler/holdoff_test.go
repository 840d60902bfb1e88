package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// heldWorld has one job of before a change of store, and a clock of the store that the test sets.
type heldWorld struct {
	*world
	h     *host
	now   time.Time
	ours  time.Duration // the server's own clock
	watch scheduler.HoldWatch
	old   scheduler.JobID
	last  *sim.Store // as it was before the change
}

func newHeldWorld(t *testing.T) *heldWorld {
	w := &heldWorld{now: time.Unix(1_800_000_000, 0)}
	clock := func() time.Time { return w.now }
	w.last = sim.NewStore("a", clock)
	w.world = worldOn(t, w.last, scheduler.DefaultTiming())
	w.host("h1", 1)
	w.old = w.submit("ana")
	w.change("b")
	return w
}

// change puts another store in the place of the one that was there at first.
func (w *heldWorld) change(identity string) {
	clock := func() time.Time { return w.now }
	w.world = worldOn(w.TB, w.last.Reborn(identity, clock), scheduler.DefaultTiming())
	w.h = w.host("h1", 1)
	w.submit("ben") // which adopts the store
}

// pass lets true time go by, on both clocks.
func (w *heldWorld) pass(d time.Duration) { w.now, w.ours = w.now.Add(d), w.ours+d }

// look is a round of a server's loop.
func (w *heldWorld) look(watch *scheduler.HoldWatch) (ended bool) {
	w.Helper()
	ended, err := w.s.EndHoldOff(w.ctx, watch, func() time.Duration { return w.ours })
	w.must(err)
	return ended
}

func (w *heldWorld) claimOld() error {
	_, err := w.h.claim(scheduler.Choice{Job: w.old, User: "ana", Devices: []string{w.h.inv.Devices[0].UUID}})
	return err
}

// TestHoldOffByOwnClock: whatever the store's clock does, an old job is granted
// when a server has itself seen the hold-off run for as long as it lasts.
func TestHoldOffByOwnClock(t *testing.T) {
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			w := newHeldWorld(t)
			if w.look(&w.watch) {
				t.Fatal("ended at once")
			}
			w.now = w.now.Add(jump)
			w.h.join(nil, nil) // its heartbeat is of this clock
			w.pass(74 * time.Second)
			w.h.join(nil, nil)
			if err := w.claimOld(); w.look(&w.watch) || !errors.Is(err, scheduler.ErrHold) {
				t.Errorf("before its end: %v", err)
			}
			w.pass(time.Second)
			if !w.look(&w.watch) || w.look(&w.watch) {
				t.Error("not ended, or twice")
			}
			w.must(w.claimOld())
		})
	}
}

// TestHoldOffOfAnotherServer: one that starts meanwhile counts from its own start,
// and what was seen of another store's hold-off proves nothing.
func TestHoldOffOfAnotherServer(t *testing.T) {
	w := newHeldWorld(t)
	w.look(&w.watch)
	w.pass(70 * time.Second)
	var late scheduler.HoldWatch
	w.look(&late)
	w.pass(74 * time.Second)
	if w.look(&late) {
		t.Error("the late one ended it before it had seen it for 75 s")
	}

	w.pass(time.Second)
	w.change("c") // with the same versions of all records
	if w.look(&w.watch) {
		t.Error("the hold-off of the next store was ended by what was seen of the one before")
	}
}

// TestHoldOffOfAnEarlierBuild: its record has a time and nothing else.
func TestHoldOffOfAnEarlierBuild(t *testing.T) {
	w := newHeldWorld(t)
	a, err := w.st.Read(context.Background(), store.Query{})
	w.must(err)
	record := fmt.Appendf(nil, `{"i":"b","e":9000000000000,"h":%d}`, w.now.Add(75*time.Second).UnixMicro())
	_, err = w.st.Commit(w.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put("spec:epoch", record)}})
	w.must(err)
	w.pass(74 * time.Second)
	w.h.join(nil, nil)
	if err := w.claimOld(); w.look(&w.watch) || !errors.Is(err, scheduler.ErrHold) {
		t.Errorf("before its end: %v", err)
	}
	w.pass(time.Second)
	w.must(w.claimOld())
}
