//go:build linux && cgo

package nvml

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
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
	} {
		if r, down := outage(c.said); down != c.down || down && r != c.said[0] {
			t.Errorf("%v: %v, %v", c.said, r, down)
		}
	}
}
