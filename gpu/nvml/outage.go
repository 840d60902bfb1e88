//go:build linux && cgo

package nvml

import (
	"errors"
	"io/fs"
	"os"
	"slices"

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

// outage judges from the last answers of all GPUs that were asked whether the
// driver as a whole is down, and gives its word for that. That several GPUs at once
// have only an unknown error to tell is not the cards' doing; of one, nothing tells
// that it is not the card's (but see barred). It is pure.
func outage(said []nvml.Return) (nvml.Return, bool) {
	said = slices.DeleteFunc(slices.Clone(said), func(r nvml.Return) bool { return r == unasked })
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

// barred reports whether the operating system keeps this process from the driver,
// as of a container that has lost its right to the devices: then every answer is an
// unknown error (nvidia-container-toolkit#48), and no card is to blame, also where
// there is only one.
func barred() bool { return errors.Is(openControl(), fs.ErrPermission) }

// openControl opens the file with which each use of the driver begins; another one
// in tests.
var openControl = func() error {
	f, err := os.OpenFile("/dev/nvidiactl", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}
