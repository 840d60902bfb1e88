package scheduler_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// before does something once, just before a record is written.
type before struct {
	store.Store

	key string
	do  func()
}

func (b *before) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if do := b.do; do != nil && slices.ContainsFunc(c.Effects, func(e store.Effect) bool { return e.Key == b.key }) {
		b.do = nil
		do()
	}
	return b.Store.Commit(ctx, c)
}

// TestDrainWhileAnAgentComes: a card is closed after an agent looked which are, and
// before it is listed there: the order did not go to it.
func TestDrainWhileAnAgentComes(t *testing.T) {
	for name, key := range map[string]string{"it joins": "agent:epoch:gpu1@0", "its driver starts late": "agent:inventory:gpu1@0"} {
		t.Run(name, func(t *testing.T) {
			mem, err := localstore.OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = mem.Close() })
			st := &before{Store: mem, key: key}
			w := worldOn(t, st, scheduler.DefaultTiming())
			all := w.host("gpu1", 1)
			one := &host{world: w, inv: all.inv}
			one.inv.Host = "gpu1@0"
			closes := func() {
				w.drain(scheduler.Drain{Host: "gpu1", Device: all.inv.Devices[0].UUID, By: "root: fan"})
			}
			if name == "it joins" {
				st.do = closes
				one.join(nil, nil)
			} else {
				one.inv.Devices = nil
				one.join(nil, nil)
				one.inv.Devices, st.do = all.inv.Devices, closes
				w.must(w.s.Report(w.ctx, "gpu1@0", one.epoch, one.inv))
			}
			w.submit("ana")
			if c := one.choose(nil); c.Kind == scheduler.ChoiceRun || st.do != nil {
				t.Errorf("it takes %v", c.Devices)
			}
		})
	}
}

// An agent that is started over a card that was closed before does not take it, nor
// does one that comes to list it later; and what reopens it reaches all of them.
func TestFreshAgentIsBoundByADrain(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	all := w.host("gpu1", 2)
	closed, open := all.inv.Devices[0].UUID, all.inv.Devices[1].UUID
	until, err := w.s.Drain(w.ctx, scheduler.Drain{Host: "gpu1", Device: closed, By: "root: fan", In: time.Hour})
	w.must(err)
	w.submit("ana")

	one := &host{world: w, inv: all.inv}
	one.inv.Host, one.inv.Devices = "gpu1@0", all.inv.Devices[:1]
	one.join(nil, nil)
	if c := one.choose(nil); c.Kind == scheduler.ChoiceRun {
		t.Errorf("a fresh agent takes %v", c.Devices)
	}
	late := &host{world: w, inv: all.inv}
	late.inv.Host, late.inv.Devices = "gpu1@late", nil
	late.join(nil, nil)
	late.inv.Devices = all.inv.Devices
	w.must(w.s.Report(w.ctx, "gpu1@late", late.epoch, late.inv))
	if c := late.choose(nil); c.Kind != scheduler.ChoiceRun || c.Devices[0] != open {
		t.Errorf("an agent whose driver starts late takes %v", c.Devices)
	}

	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	for _, h := range hosts {
		if h.DrainedDevices[closed] != "root: fan" || !h.Deadlines[closed].At.Equal(until) || h.DrainedDevices[open] != "" {
			t.Errorf("%s has %v until %v", h.Host, h.DrainedDevices, h.Deadlines)
		}
	}
	agents, err := w.s.Reach(w.ctx, closed, true)
	w.must(err)
	if len(agents) != 3 {
		t.Errorf("what reopens it reaches %v", agents)
	}
	for _, name := range agents {
		w.must(w.s.Undrain(w.ctx, name, closed))
	}
	one.join(nil, nil)
	w.must(w.s.Report(w.ctx, "gpu1@late", late.epoch, late.inv))
	if c := one.choose(nil); c.Kind != scheduler.ChoiceRun {
		t.Errorf("reopened, it is not taken: %+v", c)
	}
}
