//go:build linux && cgo

package nvml

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestOutage(t *testing.T) {
	const (
		ok, lost, unknown = nvml.SUCCESS, nvml.ERROR_GPU_IS_LOST, nvml.ERROR_UNKNOWN
		unloaded, denied  = nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_NO_PERMISSION
	)
	for _, c := range []struct {
		said []nvml.Return
		down bool
	}{
		{nil, false},
		{[]nvml.Return{ok}, false},
		{[]nvml.Return{unknown}, false}, // it may be the card
		{[]nvml.Return{unknown, unknown}, true},
		{[]nvml.Return{unknown, ok}, false},
		{[]nvml.Return{unknown, lost}, false},
		{[]nvml.Return{lost, lost}, false}, // each of them says so of itself
		{[]nvml.Return{unloaded}, true},
		{[]nvml.Return{unloaded, unloaded}, true},
		{[]nvml.Return{denied, ok}, false},
		{[]nvml.Return{denied, unknown}, true},
		{[]nvml.Return{unasked, unasked}, false},
		{[]nvml.Return{unknown, unasked}, false}, // as one alone
		{[]nvml.Return{unknown, unasked, unknown}, true},
		{[]nvml.Return{denied, unasked}, true},
		{[]nvml.Return{ok, unasked}, false},
	} {
		if r, down := outage(c.said); down != c.down || down && r != c.said[0] {
			t.Errorf("%v: %v, %v", c.said, r, down)
		}
	}
}

// An agent that was given one card of two never looks at the other one.
func TestADriverThatIsDownForTheOneThatIsAsked(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	well(t, p, standin.UUID(1))
	s.Set("ret.nvmlDeviceGetMemoryInfo_v2", "17")
	ill(t, p, standin.UUID(1), gpu.FaultDown)
	if p.Info().Problem == "" {
		t.Error("nobody says why")
	}
}

// The only card that is asked has an unknown error to tell: its own, unless the
// operating system keeps this process from all of them.
func TestAnUnknownErrorOfTheOnlyOne(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	well(t, p, standin.UUID(0))
	s.Set("ret.nvmlDeviceGetMemoryInfo_v2", "999")
	ill(t, p, standin.UUID(0), gpu.FaultOther)
	if problem := p.Info().Problem; problem != "" {
		t.Error("of one card:", problem)
	}
	was := openControl
	t.Cleanup(func() { openControl = was })
	openControl = func() error { return &os.PathError{Op: "open", Path: "/dev/nvidiactl", Err: syscall.EPERM} }
	ill(t, p, standin.UUID(0), gpu.FaultDown)
	if problem := p.Info().Problem; !strings.Contains(problem, "container") {
		t.Errorf("the problem is %q", problem)
	}
}
