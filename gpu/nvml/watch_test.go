//go:build linux && cgo

package nvml

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestXidsNameTheGPU(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	events := watch(t, opened(t), s, 2)
	s.Lose(1) // as when it falls off the bus: it cannot be asked for its UUID any more
	s.Xid(1, 79)
	s.Xid(0, 13)
	for _, want := range []gpu.Event{
		{UUID: standin.UUID(1), GI: -1, CI: -1, Xid: 79},
		{UUID: standin.UUID(0), GI: -1, CI: -1, Xid: 13},
	} {
		got := next(t, events, xid)
		if got.At == 0 {
			t.Error("it came at no time")
		}
		got.At = 0
		if got != want {
			t.Errorf("event %+v, not %+v", got, want)
		}
	}
}

func TestAnXidOfASlice(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(0, "MIG-a", 1), half(2, "MIG-b", 2))
	events := watch(t, opened(t), s, 1)
	s.SliceXid(0, 43, 2, 0)
	if got := next(t, events, xid); got.UUID != standin.UUID(0) || got.GI != 2 || got.CI != 0 || got.Xid != 43 {
		t.Errorf("event %+v", got)
	}
}

func TestXidsThatCannotBeWatched(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.Set("0.ret.nvmlDeviceRegisterEvents", "3")
	p := opened(t)
	events := watch(t, p, s, 2)
	eventually(t, "it is told", func() bool {
		w := p.Info().Warnings
		return len(w) == 1 && strings.Contains(w[0], standin.UUID(0)) && strings.Contains(w[0], "does not tell them")
	})
	s.Xid(1, 13)
	if got := next(t, events, xid); got.UUID != standin.UUID(1) {
		t.Errorf("event %+v", got)
	}
	well(t, p, standin.UUID(0))
}

func TestEventsGoOnAfterAnError(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	events := watch(t, opened(t), s, 1)
	s.Set("ret.nvmlEventSetWait_v2", "999")
	eventually(t, "it tries again", func() bool { return s.Calls("nvmlEventSetCreate", -1) >= 3 })
	s.Unset("ret.nvmlEventSetWait_v2")
	made := s.Calls("nvmlEventSetCreate", -1)
	waits := s.Calls("nvmlEventSetWait_v2", -1)
	eventually(t, "it waits", func() bool {
		return s.Calls("nvmlEventSetCreate", -1) > made && s.Calls("nvmlEventSetWait_v2", -1) > waits+1
	})
	s.Xid(0, 31)
	if got := next(t, events, xid); got.Xid != 31 {
		t.Errorf("event %+v", got)
	}
	if n, m := s.Calls("nvmlEventSetFree", -1), s.Calls("nvmlEventSetCreate", -1); n != m-1 {
		t.Errorf("of %d sets %d were freed", m, n)
	}
}

// half is a slice of half a GPU.
func half(index int, uuid string, gi int) standin.Slice {
	return standin.Slice{Index: index, UUID: uuid, GI: gi, MiB: 40320}
}

func TestSlicesAreCutAnew(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	events := watch(t, p, s, 2)
	if got := uuids(list(t, p)); !slices.Equal(got, []string{standin.UUID(0), standin.UUID(1)}) {
		t.Fatalf("devices %q", got)
	}
	for _, cut := range [][]standin.Slice{
		{half(0, "MIG-a", 1), half(3, "MIG-b", 2)},
		{half(3, "MIG-b", 2), half(5, "MIG-c", 1)},
	} {
		s.Cut(0, cut...)
		next(t, events, changed)
		want := []string{cut[0].UUID, cut[1].UUID, standin.UUID(1)}
		if got := uuids(list(t, p)); !slices.Equal(got, want) {
			t.Fatalf("devices %q, not %q", got, want)
		}
	}
	ill(t, p, "MIG-a", gpu.FaultGone)
	ill(t, p, standin.UUID(0), gpu.FaultGone)
	well(t, p, "MIG-b")
	s.Whole(0)
	next(t, events, changed)
	well(t, p, standin.UUID(0))
}

// Others look too: what they have seen is told all the same.
func TestAChangeThatAnotherLookSaw(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	p.looking <- struct{}{} // the watch cannot look yet
	ctx, cancel := context.WithCancel(t.Context())
	events := p.Watch(ctx)
	for range 2 {
		if err := p.look(ctx); err != nil {
			t.Fatal(err)
		}
		s.Cut(0, half(0, "MIG-a", 1))
	}
	<-p.looking
	next(t, events, changed)
	cancel()
	for range events { // until it is closed
	}
}

// A slice that went answers so before anybody has looked again, and has the list
// looked at.
func TestASliceThatIsGoneIsNoticedAtOnce(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(0, "MIG-a", 1))
	p := opened(t)
	p.times.scan = patience * 10
	events := watch(t, p, s, 1)
	well(t, p, "MIG-a")
	s.Cut(0, half(0, "MIG-b", 1))
	ill(t, p, "MIG-a", gpu.FaultGone)
	next(t, events, changed)
	well(t, p, "MIG-b")
}

func TestAGPUComesAndGoes(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	events := watch(t, p, s, 2)
	s.Set("count", "1")
	next(t, events, changed)
	ill(t, p, standin.UUID(1), gpu.FaultGone)
	s.Set("count", "2")
	next(t, events, changed)
	well(t, p, standin.UUID(1))
}

// Indices move up when a GPU before them is gone. Nothing is there twice, and
// nobody is taken for sick for what another one said.
func TestIndicesMoveUp(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 3).Use()
	s.Set("1.field.230", "1")
	p := opened(t)
	list(t, p)
	if got := well(t, p, standin.UUID(1)); got.Recovery != recovery(1) {
		t.Errorf("sample: %+v", got)
	}
	s.Set("1.uuid", standin.UUID(2))
	s.Set("1.field.230", "0")
	s.Lose(2)
	if got := uuids(list(t, p)); !slices.Equal(got, []string{standin.UUID(0), standin.UUID(2)}) {
		t.Errorf("devices %q", got)
	}
	if got := well(t, p, standin.UUID(2)); got.Recovery != "" {
		t.Errorf("it is sick for its neighbour: %+v", got)
	}
	ill(t, p, standin.UUID(1), gpu.FaultGone)
}
