//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// problem is why nothing can be asked of any GPU; "": something can. mu is held.
func (p *provider) problem() string {
	if p.whole != nvml.SUCCESS {
		return reason(p.whole)
	}
	said := make([]nvml.Return, len(p.cards))
	for i, c := range p.cards {
		said[i] = nvml.Return(c.said.Load())
	}
	if r, down := outage(said); down {
		return reason(r)
	}
	return ""
}

// outage judges from the last answers of all GPUs whether the driver as a whole
// is down, and gives its word for that. That several GPUs at once have only an
// unknown error to tell is not the cards' doing: a container has lost its right
// to the devices, for one (nvidia-container-toolkit#48). It is pure.
func outage(said []nvml.Return) (nvml.Return, bool) {
	for _, r := range said {
		if fault(r) != gpu.FaultDown && (r != nvml.ERROR_UNKNOWN || len(said) < 2) {
			return nvml.SUCCESS, false
		}
	}
	if len(said) == 0 {
		return nvml.SUCCESS, false
	}
	return said[0], true
}
