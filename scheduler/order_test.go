package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// ordering is a host with a healthy and a sick GPU, and a slot.
func ordering(t *testing.T) (*world, *host) {
	t.Helper()
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	h.inv.Devices[1].State, h.inv.Devices[1].Health.Sick = gpu.Sick, "Xid 79"
	h.inv.Devices = append(h.inv.Devices, scheduler.DeviceReport{Device: gpu.Device{UUID: "CPU-a", Kind: gpu.KindCPU}})
	h.join(nil, nil)
	return w, h
}

func to(device string) scheduler.Order {
	return scheduler.Order{Host: "a", Device: device, By: "root: fan"}
}

func TestOrdersAreSigned(t *testing.T) {
	t.Parallel()
	w, _ := ordering(t)
	first, err := w.s.Detach(w.ctx, to("GPU-a-1"))
	w.must(err)
	_, err = w.s.Tolerate(w.ctx, to("GPU-a-0"), 500<<20)
	w.must(err)
	last, err := w.s.ResetHealth(w.ctx, to("GPU-a-1"))
	w.must(err)
	got := w.ordered()
	if got.Number != last || last <= first {
		t.Errorf("numbers %d, %d, at last %d", first, last, got.Number)
	}
	now, err := w.s.Now(w.ctx)
	w.must(err)
	for _, s := range []scheduler.Signature{got.Detached["GPU-a-1"], got.Tolerate["GPU-a-0"].Signature, got.Resets["GPU-a-1"]} {
		if s.By != "root: fan" || now.Sub(s.At) > time.Minute || s.At.After(now) {
			t.Errorf("signed %+v at %v", s, now)
		}
	}
	if got.Tolerate["GPU-a-0"].Memory != 500<<20 {
		t.Errorf("tolerates %+v", got.Tolerate)
	}
}

// TestOrdersAreTakenBack: each by its opposite, a host's with its devices'.
// What changes nothing has no new number.
func TestOrdersAreTakenBack(t *testing.T) {
	t.Parallel()
	w, _ := ordering(t)
	for _, o := range []scheduler.Order{to("GPU-a-0"), to("")} {
		_, err := w.s.Detach(w.ctx, o)
		w.must(err)
	}
	_, err := w.s.Attach(w.ctx, to("GPU-a-0"))
	if _, ok := errors.AsType[*scheduler.FieldError](err); !ok {
		t.Errorf("a device was attached though its host is not: %v", err)
	}
	_, err = w.s.Tolerate(w.ctx, to("GPU-a-0"), 0)
	w.must(err)
	_, err = w.s.Untolerate(w.ctx, to("GPU-a-0"))
	w.must(err)
	number, err := w.s.Attach(w.ctx, to(""))
	w.must(err)
	again, err := w.s.Attach(w.ctx, to("GPU-a-0"))
	w.must(err)
	if diff := cmp.Diff(scheduler.Ordered{Number: number}, w.ordered()); diff != "" || again != number {
		t.Errorf("attached again: %d, after %d; %s", again, number, diff)
	}
}

func TestOrdersRefused(t *testing.T) {
	t.Parallel()
	w, h := ordering(t)
	for _, c := range []struct {
		name  string
		order func() (uint64, error)
		want  error
	}{
		{"unknown host", func() (uint64, error) { return w.s.Detach(w.ctx, scheduler.Order{Host: "b"}) }, scheduler.ErrUnknownHost},
		{"unknown device", func() (uint64, error) { return w.s.ResetHealth(w.ctx, to("GPU-b")) }, scheduler.ErrUnknownDevice},
		{"well", func() (uint64, error) { return w.s.ResetHealth(w.ctx, to("GPU-a-0")) }, scheduler.ErrNotSick},
		{"slot detached", func() (uint64, error) { return w.s.Detach(w.ctx, to("CPU-a")) }, scheduler.ErrInvalid},
		{"slot tolerant", func() (uint64, error) { return w.s.Tolerate(w.ctx, to("CPU-a"), 1) }, scheduler.ErrInvalid},
		{"below nothing", func() (uint64, error) { return w.s.Tolerate(w.ctx, to("GPU-a-0"), -1) }, scheduler.ErrInvalid},
		{"more than all", func() (uint64, error) { return w.s.Tolerate(w.ctx, to("GPU-a-0"), h.inv.Devices[0].Memory+1) }, scheduler.ErrInvalid},
	} {
		if _, err := c.order(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if diff := cmp.Diff(scheduler.Ordered{}, w.ordered()); diff != "" {
		t.Errorf("a refusal left %s", diff)
	}
}

// ordered is what is ordered on the only host.
func (w *world) ordered() scheduler.Ordered {
	w.Helper()
	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	return hosts[0].Ordered
}
