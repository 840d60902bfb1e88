//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

// soon is a context that ends soon.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestOneDeviceHangs(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	events := watch(t, p, s, 2)
	before := list(t, p)
	s.Set("0.hang.nvmlDeviceGetMemoryInfo_v2", "1")
	for range 3 { // the second one finds the first still waiting
		if got, err := p.Sample(soon(t), standin.UUID(0)); err != nil || got.Fault != gpu.FaultTimeout {
			t.Fatalf("sample %+v, %v", got, err)
		}
	}
	if n := s.Calls("nvmlDeviceGetMemoryInfo_v2", 0); n != 2 { // one was for the list of devices
		t.Errorf("it was called %d times, each of which holds a thread", n)
	}
	well(t, p, standin.UUID(1))
	if after := list(t, p); !slices.Equal(before, after) {
		t.Errorf("the devices are others: %+v", after)
	}
	s.Xid(1, 13)
	next(t, events, xid)
	s.Unset("0.hang.nvmlDeviceGetMemoryInfo_v2")
	eventually(t, "it answers again", func() bool {
		got, err := p.Sample(soon(t), standin.UUID(0))
		return err == nil && got.Fault == gpu.FaultNone
	})
}

// A GPU that hangs from the start is no device yet, and keeps nobody waiting.
func TestOneDeviceHangsFromTheStart(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.Set("0.hang.all", "1")
	p := opened(t)
	if got := uuids(list(t, p)); !slices.Equal(got, []string{standin.UUID(1)}) {
		t.Errorf("devices %q", got)
	}
	well(t, p, standin.UUID(1))
	if w := p.Info().Warnings; len(w) != 1 {
		t.Errorf("warnings: %q", w)
	}
	s.Unset("0.hang.all")
	eventually(t, "it is there", func() bool { return len(list(t, p)) == 2 })
}

func TestTheWholeDriverHangs(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	s.Set("hang.all", "1")
	if _, err := p.Devices(soon(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("devices:", err)
	}
	if got, err := p.Sample(soon(t), standin.UUID(0)); err != nil || got.Fault != gpu.FaultDown {
		t.Errorf("sample %+v, %v", got, err)
	}
	p.times.letGo = 50 * time.Millisecond
	if err := p.Detach(); err == nil {
		t.Error("the driver was let go while a call is in it")
	}
	if got, err := p.Sample(t.Context(), standin.UUID(0)); err != nil || got.Fault != gpu.FaultDown {
		t.Errorf("sample %+v, %v", got, err)
	}
	p.times.letGo = patience
	s.Unset("hang.all")
}

func TestDetachAndAttach(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	events := watch(t, p, s, 1)
	well(t, p, standin.UUID(0))
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	if !p.Info().Detached {
		t.Error("it does not say so")
	}
	before := s.Calls("nvmlDeviceGetMemoryInfo_v2", 0)
	ill(t, p, standin.UUID(0), gpu.FaultDown)
	if _, err := p.Devices(t.Context()); err == nil {
		t.Error("it tells devices")
	}
	if _, err := p.Links(t.Context()); err == nil {
		t.Error("it tells links")
	}
	if n := s.Calls("nvmlDeviceGetMemoryInfo_v2", 0); n != before {
		t.Error("the driver was asked")
	}
	if err := p.Detach(); err != nil {
		t.Error("a second time:", err)
	}
	s.Set("init", "9")
	if err := p.Attach(); err == nil || !p.Info().Detached {
		t.Error("attached without a driver:", err)
	}
	s.Unset("init")
	s.Set("driver", "590.10")
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	if info := p.Info(); info.Detached || info.Driver != "590.10" {
		t.Errorf("info: %+v", info)
	}
	next(t, events, changed)
	well(t, p, standin.UUID(0))
	registered := s.Calls("nvmlDeviceRegisterEvents", 0)
	eventually(t, "Xids are watched again", func() bool { return registered > 1 || s.Calls("nvmlDeviceRegisterEvents", 0) > 1 })
	waits := s.Calls("nvmlEventSetWait_v2", -1)
	eventually(t, "it waits", func() bool { return s.Calls("nvmlEventSetWait_v2", -1) > waits })
	s.Xid(0, 31)
	next(t, events, xid)
}

// A look that began before the driver was opened anew has void handles in it.
func TestALookOfAnotherOpening(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	standin.New(t, 1).Use()
	p := opened(t)
	list(t, p)
	p.keep(p.gate.opening()-1, nil, nil)
	well(t, p, standin.UUID(0))
}

func TestManyAskAtOnce(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 3).Use()
	p := opened(t)
	watch(t, p, s, 3)
	done := make(chan error)
	for i := range 8 {
		go func() {
			for range 30 {
				got, err := p.Sample(t.Context(), standin.UUID(i%3))
				if err != nil || got.Fault != gpu.FaultNone {
					done <- fmt.Errorf("sample %+v, %w", got, err)
					return
				}
				if _, err := p.Devices(t.Context()); err != nil {
					done <- err
					return
				}
				p.Info()
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
