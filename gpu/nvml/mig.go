//go:build linux && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// most slices that any GPU has so far, where the driver does not tell.
const mostSlices = 8

// cut finds what of a GPU can be leased: the whole, or its slices. In MIG mode
// the whole never can.
func (p *provider) cut(c *card, f *found, last found) nvml.Return {
	mode, r := p.migMode(f.handle)
	if r != nvml.SUCCESS {
		return r
	}
	if mode.pending != mode.current {
		f.notes = append(f.notes, fmt.Sprintf("the MIG mode of GPU %s changes at its next reset: reset it when it is idle", f.uuid))
	}
	if mode.current != nvml.DEVICE_MIG_ENABLE {
		f.parts = []part{{Device: *f.identity, card: c, handle: f.handle, whole: f.handle}}
		return nvml.SUCCESS
	}
	f.mig = true
	if f.parts, r = p.slices(c, f, last); r != nvml.SUCCESS {
		return r
	}
	if len(f.parts) == 0 {
		f.notes = append(f.notes, fmt.Sprintf("GPU %s is in MIG mode and has no slices: make some (nvidia-smi mig -cgi … -C), or end MIG mode", f.uuid))
	}
	return nvml.SUCCESS
}

type migMode struct{ current, pending int }

// migMode is not taken for "off" when the driver does not say: a GPU that is cut
// and leased as a whole would be its users' twice.
func (p *provider) migMode(h nvml.Device) (m migMode, r nvml.Return) {
	if !p.has("nvmlDeviceGetMigMode") {
		return m, nvml.SUCCESS
	}
	m.current, m.pending, r = h.GetMigMode()
	if untold(r) {
		return migMode{}, nvml.SUCCESS
	}
	return m, r
}

// slices lists those of a GPU. Indices have gaps where slices were removed.
func (p *provider) slices(c *card, f *found, last found) (all []part, r nvml.Return) {
	if !p.has("nvmlDeviceGetMigDeviceHandleByIndex") {
		return nil, nvml.SUCCESS
	}
	n := mostSlices
	if most := asked(&p.library, &r, f.handle.GetMaxMigDeviceCount, "nvmlDeviceGetMaxMigDeviceCount"); most != nil {
		n = *most
	}
	for i := range n {
		h, got := f.handle.GetMigDeviceHandleByIndex(i)
		switch {
		case fault(got) == gpu.FaultGone:
			continue
		case got != nvml.SUCCESS:
			return nil, got
		}
		x := part{card: c, handle: h, whole: f.handle}
		if x.Device, got = p.slice(h, f, last); fault(got) == gpu.FaultGone {
			continue // removed in between
		}
		if got != nvml.SUCCESS {
			r = got
		}
		all = append(all, x)
	}
	return all, r
}

// slice is one as it was found before. Its UUID dies with it.
func (f *found) slice(uuid string) (gpu.Device, bool) {
	for _, x := range f.parts {
		if x.UUID == uuid && x.Slice() {
			return x.Device, true
		}
	}
	return gpu.Device{}, false
}

// slice asks what a slice is; the rest is the whole's.
func (p *provider) slice(h nvml.Device, f *found, last found) (gpu.Device, nvml.Return) {
	uuid, r := h.GetUUID()
	if r != nvml.SUCCESS {
		return gpu.Device{}, r
	}
	if d, ok := last.slice(uuid); ok {
		return d, r
	}
	d, l := *f.identity, &p.library
	d.UUID, d.Kind, d.Parent, d.Display = uuid, gpu.KindMIG, f.uuid, false
	if name := asked(l, &r, h.GetName, "nvmlDeviceGetName"); name != nil {
		d.Model = *name
	}
	d.GI, d.CI = -1, -1
	if gi, ci, ok := instances(uuid); ok {
		d.GI, d.CI = gi, ci
	}
	if gi := asked(l, &r, h.GetGpuInstanceId, "nvmlDeviceGetGpuInstanceId"); gi != nil {
		d.GI = *gi
	}
	if ci := asked(l, &r, h.GetComputeInstanceId, "nvmlDeviceGetComputeInstanceId"); ci != nil {
		d.CI = *ci
	}
	m, got := p.memory(h)
	if got != nvml.SUCCESS && !untold(got) {
		r = got
	}
	d.Memory = m.total
	return d, r
}
