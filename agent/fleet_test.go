package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// Memory in use is told of a look that had an answer: before the first, and of a card
// that fell off the bus, it is not known.
func TestUsedIsKnownOrNot(t *testing.T) {
	now := time.Hour
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindGPU, Memory: 80 << 30}}, 0, func() time.Duration { return now })
	for i, step := range []struct {
		look gpu.Sample
		want int64
	}{{gpu.Sample{}, -1}, {gpu.Sample{UUID: "A", At: 1}, 0}, {gpu.Sample{UUID: "A", At: 2, Fault: gpu.FaultLost, Err: "the GPU is lost"}, -1}} {
		if step.look.UUID != "" {
			f.saw(step.look, gpu.Clock{})
		}
		if got := f.report()[0].Used; got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

func TestFleet(t *testing.T) {
	now := time.Hour
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindCPU}, {UUID: "B", Kind: gpu.KindCPU}}, 0, func() time.Duration { return now })
	state := func(uuid string) gpu.State {
		for _, r := range f.report() {
			if r.UUID == uuid {
				return r.State
			}
		}
		t.Fatalf("no %s in the report", uuid)
		return ""
	}
	free := func() int { _, n := f.offered(); return n }

	if free() != 0 || state("A") != gpu.Unknown {
		t.Fatal("offers what nobody looked at")
	}
	f.saw(gpu.Sample{UUID: "A", At: now}, gpu.Clock{})
	f.saw(gpu.Sample{UUID: "B", At: now}, gpu.Clock{})
	if free() != 0 {
		t.Fatal("offers devices without a slot")
	}
	f.setReady("A", f.lifeOf("A"), true)
	f.setReady("B", f.lifeOf("B"), true)
	if free() != 2 || !woken(f) || woken(f) {
		t.Fatal("two free devices: one wake for both")
	}
	f.take([]string{"A", "B"}, 53, time.Time{}, holder{})
	if free() != 0 || state("B") != gpu.Leased {
		t.Fatal("a leased device is offered")
	}
	taken(f.over)
	f.clear([]string{"A", "B"})
	if free() != 0 || state("A") != gpu.Clearing {
		t.Fatal("a device that is not clean is offered")
	}
	if !taken(f.over) {
		t.Fatal("the lease is over, and nobody is told what its devices wait for")
	}
	f.give([]string{"A", "B"})
	if free() != 2 || !woken(f) {
		t.Fatal("given back, nobody woken")
	}
	f.drain("", map[string]string{"A": "ana: new fan"})
	if free() != 1 || state("A") != gpu.Drained {
		t.Fatal("a drained device is offered")
	}
	f.drain("root: move", nil)
	if free() != 0 {
		t.Fatal("a drained host offers")
	}
	f.drain("", nil)
	if free() != 2 || !woken(f) {
		t.Fatal("undrained, nobody woken")
	}
	now += gpu.FreshFor + time.Second
	if free() != 0 || state("A") != gpu.Unknown {
		t.Fatal("stale data is trusted")
	}
	if v := f.saw(gpu.Sample{UUID: "A", At: now, Processes: []gpu.Process{{PID: 1}}}, gpu.Clock{}).after; v.State != gpu.Foreign {
		t.Fatalf("a used device is %+v", v)
	}
	if d, n := f.offered(); n != 0 || d[0].Free {
		t.Fatal("a foreign device is offered")
	}
}

func TestReportOfADeviceWithoutSlot(t *testing.T) {
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindCPU}}, 0, func() time.Duration { return time.Hour })
	f.saw(gpu.Sample{UUID: "A", At: time.Hour}, gpu.Clock{})
	if r := f.report()[0]; r.State != gpu.Unknown || !strings.Contains(r.Reason, "slot") {
		t.Errorf("reported as %s: %s", r.State, r.Reason)
	}
}

// The line of slices that were replaced ends late, when a slice of the same UUID
// is there again: that one has a line of its own.
func TestALateLineIsNoLongerTheOwner(t *testing.T) {
	slice := gpu.Device{UUID: "MIG-1", Kind: gpu.KindMIG, Parent: "GPU-A"}
	f := newFleet([]gpu.Device{slice}, 0, func() time.Duration { return time.Hour })
	old := &link{uuid: slice.UUID, life: f.lifeOf(slice.UUID), fleet: f}
	old.setReady(true)
	ready := func() bool { return f.devices[slice.UUID].ready }
	if !ready() {
		t.Fatal("its own line does not make it ready")
	}
	cut := map[string]bool{"GPU-A": true}
	for range goneAfter {
		f.listed(nil, cut)
	}
	if f.lifeOf(slice.UUID) != 0 {
		t.Fatal("not let go of")
	}
	f.listed([]gpu.Device{slice}, cut)
	if old.setReady(true); ready() {
		t.Error("made ready by a line to the slot of the former one")
	}
	now := &link{uuid: slice.UUID, life: f.lifeOf(slice.UUID), fleet: f}
	now.setReady(true)
	if old.setReady(false); !ready() {
		t.Error("taken down by the end of the former one's line")
	}
}

func woken(f *fleet) bool { return taken(f.freed) }

func taken(t token1) bool {
	select {
	case <-t:
		return true
	default:
		return false
	}
}

// TestACleanEndCostsOneLook: the look that the end of a job asks for may come
// before the store has been told of the end, and is good for what follows.
func TestACleanEndCostsOneLook(t *testing.T) {
	now := time.Hour
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindGPU}}, 0, func() time.Duration { return now })
	see := func(processes ...gpu.Process) gpu.Verdict {
		now += time.Second
		return f.saw(gpu.Sample{UUID: "A", At: now, Processes: processes}, gpu.Clock{}).after
	}
	see()
	if v := see(); v.State != gpu.Free {
		t.Fatalf("before the job it is %+v", v)
	}
	f.take([]string{"A"}, 53, time.Time{}, holder{})
	see(gpu.Process{PID: 7, Started: 1, Ours: true})
	f.ended([]string{"A"})
	if v := see(); v.State != gpu.Leased {
		t.Fatalf("until the store knows it is %+v", v)
	}
	f.give([]string{"A"})
	if v := f.report()[0]; v.State != gpu.Unknown || v.Reason != "its slot process does not answer" {
		t.Errorf("after the end it is %s: %s; want it free but for its slot", v.State, v.Reason)
	}
}

// Many looks in a moment do not push out those that are apart, and one that found
// somebody stays.
func TestLooksOnDemandCrowdNothingOut(t *testing.T) {
	now := time.Hour
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindGPU}}, 0, func() time.Duration { return now })
	look := func(s gpu.Sample) gpu.State {
		now += 5 * time.Millisecond
		s.UUID, s.At = "A", now
		return f.saw(s, gpu.Clock{}).after.State
	}
	look(gpu.Sample{})
	now += gpu.Apart
	for i := range 3 * gpu.KeepSamples {
		if got := look(gpu.Sample{}); got != gpu.Free {
			t.Fatalf("look %d: %s", i, got)
		}
	}
	if got := look(gpu.Sample{Processes: []gpu.Process{{PID: 7, Started: 1}}}); got != gpu.Foreign {
		t.Fatalf("used, it is %s", got)
	}
	for range 3 {
		if got := look(gpu.Sample{}); got == gpu.Free {
			t.Fatal("free a moment after it was used")
		}
	}
}

// A sick card whose driver says for ten minutes that all is well is used again; a
// machine that slept in between saw it for the rest of the time only.
func TestASickDeviceIsWellAfterTenMinutesOfLooks(t *testing.T) {
	now := time.Hour
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindGPU}}, 0, func() time.Duration { return now })
	look := func(s gpu.Sample) gpu.State {
		now += 10 * time.Second
		s.UUID, s.At, s.RecoveryKnown = "A", now, true
		return f.saw(s, gpu.Clock{Boottime: now}).after.State
	}
	looks := func(d time.Duration) (last gpu.State) {
		for range d / (10 * time.Second) {
			last = look(gpu.Sample{})
		}
		return last
	}
	look(gpu.Sample{Recovery: "a reset of the GPU"})
	looks(time.Minute)
	now += gpu.WellFor
	if got := looks(time.Minute); got != gpu.Sick {
		t.Errorf("after a sleep of ten minutes it is %s", got)
	}
	if got := looks(gpu.WellFor); got != gpu.Free {
		t.Errorf("after ten minutes of looks it is %s", got)
	}
}
