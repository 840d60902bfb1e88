//go:build linux && cgo

package nvml

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestHealthIsAskedOnceInAWhile(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	for range 5 {
		well(t, p, standin.UUID(0))
	}
	for _, name := range []string{"nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetRemappedRows", "nvmlDeviceGetFieldValues"} {
		if n := s.Calls(name, 0); n != 1 {
			t.Errorf("%s was called %d times in 5 looks", name, n)
		}
	}
	p.times.slow = time.Nanosecond
	s.Set("0.ecc", "3")
	s.Set("0.remap", "0,0,1,0")
	s.Set("0.field.230", "4")
	got := well(t, p, standin.UUID(0))
	if got.Uncorrected == nil || *got.Uncorrected != 3 || !got.RemapPending || got.RemapFailed || got.Recovery != recovery(4) {
		t.Errorf("health: %+v", got)
	}
	s.Set("0.remap", "0,1,0,1")
	if got := well(t, p, standin.UUID(0)); got.RemapPending || !got.RemapFailed {
		t.Errorf("health: %+v", got)
	}
	s.Unset("0.field.230", "0.ecc")
	if got := well(t, p, standin.UUID(0)); got.RecoveryKnown || got.Recovery != "" || got.Uncorrected != nil {
		t.Errorf("a driver that does not tell: %+v", got)
	}
}

// An Xid, or a fault, makes what was known of the health old.
func TestHealthIsAskedAfterTrouble(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	events := watch(t, p, s, 2)
	well(t, p, standin.UUID(0))
	well(t, p, standin.UUID(1))
	s.Set("1.field.230", "1")
	if got := well(t, p, standin.UUID(1)); got.Recovery != "" {
		t.Fatalf("it was asked again before there was a reason: %+v", got)
	}
	s.Xid(1, 95)
	next(t, events, xid)
	if got := well(t, p, standin.UUID(1)); got.Recovery != recovery(1) {
		t.Errorf("after an Xid: %+v", got)
	}
	if n := s.Calls("nvmlDeviceGetFieldValues", 0); n != 1 {
		t.Errorf("its neighbour was asked %d times", n)
	}
	s.Lose(0)
	ill(t, p, standin.UUID(0), gpu.FaultLost)
	s.Set("0.field.230", "2")
	s.Regain(0)
	if got := well(t, p, standin.UUID(0)); got.Recovery != recovery(2) {
		t.Errorf("after a fault: %+v", got)
	}
}

// A card that was mended is well in the next look, not a minute later: an admin
// who says so would be contradicted.
func TestHealthIsAskedWhileIll(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Set("0.field.230", "1")
	s.Set("0.remap", "0,1,0,1")
	p := opened(t)
	if got := well(t, p, standin.UUID(0)); got.Recovery != recovery(1) || !got.RemapFailed {
		t.Fatalf("health: %+v", got)
	}
	s.Set("0.field.230", "0")
	if got := well(t, p, standin.UUID(0)); got.Recovery != "" || !got.RemapFailed {
		t.Errorf("the driver asks for nothing any more: %+v", got)
	}
	s.Set("0.remap", "0,0,0,0")
	if got := well(t, p, standin.UUID(0)); got.RemapFailed {
		t.Errorf("the row was replaced: %+v", got)
	}
	n := s.Calls("nvmlDeviceGetFieldValues", 0)
	well(t, p, standin.UUID(0))
	if now := s.Calls("nvmlDeviceGetFieldValues", 0); now != n {
		t.Error("a card that is well was asked again at once")
	}
}
