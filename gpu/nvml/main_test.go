//go:build linux && cgo

package nvml

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

// quick are the times of tests that do not wait for those of operation.
var quick = times{
	slow: time.Hour, scan: 20 * time.Millisecond, find: 300 * time.Millisecond, wait: 50 * time.Millisecond,
	letGo: 5 * time.Second, pauses: [2]time.Duration{10 * time.Millisecond, 100 * time.Millisecond},
}

// patience bounds every wait; nothing waits that long where all is well.
const patience = 30 * time.Second

// opened is the provider on the stand-in's state.
func opened(t *testing.T) *provider {
	t.Helper()
	p, err := open(quick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// list are the devices, which are those that the state names.
func list(t *testing.T, p *provider) []gpu.Device {
	t.Helper()
	devices, err := p.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return devices
}

func uuids(devices []gpu.Device) (all []string) {
	for _, d := range devices {
		all = append(all, d.UUID)
	}
	return all
}

func sample(t *testing.T, p *provider, uuid string) gpu.Sample {
	t.Helper()
	s, err := p.Sample(t.Context(), uuid)
	if err != nil {
		t.Fatal(err)
	}
	if s.UUID != uuid || s.At == 0 {
		t.Errorf("the sample is of %q at %v", s.UUID, s.At)
	}
	return s
}

// well is a sample in which the driver answered.
func well(t *testing.T, p *provider, uuid string) gpu.Sample {
	t.Helper()
	s := sample(t, p, uuid)
	if s.Fault != gpu.FaultNone || s.Err != "" {
		t.Fatalf("%s has fault %q: %s", uuid, s.Fault, s.Err)
	}
	return s
}

// ill is a sample in which it did not.
func ill(t *testing.T, p *provider, uuid string, want gpu.Fault) gpu.Sample {
	t.Helper()
	s := sample(t, p, uuid)
	if s.Fault != want || s.Err == "" {
		t.Fatalf("%s has fault %q (%s), not %q", uuid, s.Fault, s.Err, want)
	}
	return s
}

// within a second or so it becomes true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		if is() {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never came that", what)
		}
	}
}

// next is the next event that is wanted; others pass.
func next(t *testing.T, events <-chan gpu.Event, wanted func(gpu.Event) bool) gpu.Event {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatal("the events ended")
			}
			if wanted(e) {
				return e
			}
		case <-end:
			t.Fatal("no event came")
		}
	}
}

func xid(e gpu.Event) bool     { return e.Xid != 0 }
func changed(e gpu.Event) bool { return e.Changed }

// watch begins to watch, and waits until all n GPUs are watched.
func watch(t *testing.T, p *provider, s *standin.State, n int) <-chan gpu.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	events := p.Watch(ctx)
	t.Cleanup(func() {
		cancel()
		for range events { // until it is closed
		}
	})
	eventually(t, "all GPUs are watched", func() bool {
		return s.Calls("nvmlDeviceRegisterEvents", n-1) > 0 && s.Calls("nvmlEventSetWait_v2", -1) > 0
	})
	return events
}

// sleeper is a process of somebody's on this machine.
func sleeper(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
