package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

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
