//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"golang.org/x/sys/unix"
)

// memory of a GPU or slice, in bytes.
type memory struct {
	total, used, free int64
	reserve           bool // used has the driver's reserve in it
}

// memory asks in the form that tells the driver's reserve apart (driver 510 and
// later), or else in the first one. Whether "used" has the reserve in it differs
// between drivers: it is not looked at.
func (p *provider) memory(h nvml.Device) (memory, nvml.Return) {
	if p.has("nvmlDeviceGetMemoryInfo_v2") {
		m, r := h.GetMemoryInfo_v2()
		if !untold(r) {
			return memory{total: int64(m.Total), used: max(0, int64(m.Total)-int64(m.Free)-int64(m.Reserved)), free: int64(m.Free)}, r
		}
	}
	if !p.has("nvmlDeviceGetMemoryInfo") {
		return memory{}, nvml.ERROR_NOT_SUPPORTED
	}
	m, r := h.GetMemoryInfo()
	return memory{total: int64(m.Total), used: int64(m.Used), free: int64(m.Free), reserve: true}, r
}

// sharedMemory is that of the machine, which a GPU without memory of its own
// uses: its driver does not tell a size (GB10).
func sharedMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit) //nolint:unconvert // the types differ between architectures
}
