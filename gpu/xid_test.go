package gpu

import (
	"strings"
	"testing"
)

func TestXids(t *testing.T) {
	type meaning struct {
		blame Blame
		cure  Cure
		warns bool
	}
	job, suspect, nothing := meaning{BlameJob, CureNone, false}, meaning{BlameJob, CureNone, true}, meaning{BlameNobody, CureNone, false}
	warns, reset, boot := meaning{BlameNobody, CureNone, true}, meaning{BlameDevice, CureReset, false}, meaning{BlameDevice, CureBoot, false}
	want := map[int]meaning{
		0: nothing, 154: nothing,
		13: job, 31: job, 43: job, 45: job, 68: job, 94: suspect,
		63: warns, 92: warns,
		48: reset, 64: reset, 74: reset, 95: reset, 109: reset, 119: reset, 120: reset, 140: reset, 143: reset,
		79: boot,
	}
	for n := range 200 {
		w, listed := want[n]
		if !listed {
			w = reset
		}
		h, blame := Health{}.Event(Event{Xid: n, GI: -1, CI: -1}, testClock)
		if got := (meaning{blame, h.Cure, h.Warning != ""}); got != w {
			t.Errorf("Xid %d: %+v, want %+v", n, got, w)
		}
		if (h.Sick != "") != (w.cure != CureNone) || h.Xid != n {
			t.Errorf("Xid %d: %+v", n, h)
		}
	}
	if h, _ := (Health{}).Event(Event{Xid: 12345, GI: -1, CI: -1}, testClock); !strings.Contains(h.Sick, "Xid 12345: an error that is not in our table") {
		t.Errorf("one that nobody knows: %q", h.Sick)
	}
	if _, blame := (Health{Sick: "x", Cure: CureBoot}).Event(Event{Changed: true}, testClock); blame != BlameNobody {
		t.Errorf("no Xid is the fault of %q", blame)
	}
}

func TestEventConcerns(t *testing.T) {
	slice := Device{UUID: "MIG-1", Kind: KindMIG, Parent: "GPU-1", GI: 3, CI: 0}
	for _, tt := range []struct {
		name   string
		event  Event
		device Device
		want   bool
	}{
		{"the GPU", Event{UUID: "GPU-1", GI: -1, CI: -1}, card, true},
		{"the GPU, with a slice that it has not", Event{UUID: "GPU-1", GI: 3, CI: 0}, card, true},
		{"another GPU", Event{UUID: "GPU-2", GI: -1, CI: -1}, card, false},
		{"a GPU that could not be told", Event{GI: -1, CI: -1}, card, false},
		{"a GPU that could not be told, and a device that is no slice", Event{}, Device{UUID: "CPU-1"}, false},
		{"all slices", Event{UUID: "GPU-1", GI: -1, CI: -1}, slice, true},
		{"all of the instance", Event{UUID: "GPU-1", GI: 3, CI: -1}, slice, true},
		{"this slice", Event{UUID: "GPU-1", GI: 3, CI: 0}, slice, true},
		{"another instance", Event{UUID: "GPU-1", GI: 4, CI: 0}, slice, false},
		{"another of the same instance", Event{UUID: "GPU-1", GI: 3, CI: 1}, slice, false},
		{"a slice that may be this one", Event{UUID: "GPU-1", GI: 4, CI: 1}, Device{UUID: "MIG-2", Parent: "GPU-1", GI: -1, CI: -1}, true},
		{"a slice of another GPU", Event{UUID: "GPU-2", GI: 3, CI: 0}, slice, false},
	} {
		if got := tt.event.Concerns(&tt.device); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestXidWords(t *testing.T) {
	if got := XidWords(79); got != "Xid 79 (the GPU fell off the bus)" {
		t.Errorf("a known one is %q", got)
	}
	if got := XidWords(500); got != "Xid 500" {
		t.Errorf("another is %q", got)
	}
}
