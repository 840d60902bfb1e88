//go:build linux && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// find asks one GPU what it is. What does not change is taken from the last
// time, and all of it of one that does not answer.
func (p *provider) find(c *card, last found) found {
	if _, ok := p.gate.enter(); !ok {
		return last
	}
	defer p.gate.leave()
	h, r := p.api.DeviceGetHandleByIndex(c.index)
	if r != nvml.SUCCESS {
		return last.silent(c.index, "does not answer: "+words(r))
	}
	uuid, r := h.GetUUID()
	if r != nvml.SUCCESS {
		return last.silent(c.index, "does not answer: "+words(r))
	}
	if uuid != last.uuid {
		c.stale.Store(true) // what is known of its health is another GPU's
	}
	f := found{uuid: uuid, handle: h}
	if f.identity = last.as(uuid); f.identity == nil {
		if f.identity, r = p.identity(h, uuid); r != nvml.SUCCESS {
			return last.silent(c.index, "does not answer: "+words(r))
		}
	}
	if r := p.cut(c, &f, last); r != nvml.SUCCESS {
		return last.silent(c.index, "does not answer: "+words(r))
	}
	p.note(&f)
	return f
}

// silent is a GPU that does not say what it is: it stays what it was.
func (f found) silent(index int, why string) found {
	name := f.uuid
	if name == "" {
		name = "number " + fmt.Sprint(index)
	}
	f.notes, f.quiet = []string{fmt.Sprintf("GPU %s %s", name, why)}, true
	return f
}

// as is the GPU as it was found before, nil if it is another one.
func (f *found) as(uuid string) *gpu.Device {
	if f.uuid != uuid || f.identity == nil {
		return nil
	}
	return f.identity
}

// identity asks for what does not change.
func (p *provider) identity(h nvml.Device, uuid string) (*gpu.Device, nvml.Return) {
	d, r, l := gpu.Device{UUID: uuid, Kind: gpu.KindGPU, Model: "NVIDIA GPU"}, nvml.SUCCESS, &p.library
	if name := asked(l, &r, h.GetName, "nvmlDeviceGetName"); name != nil {
		d.Model = *name
	}
	if minor := asked(l, &r, h.GetMinorNumber, "nvmlDeviceGetMinorNumber"); minor != nil {
		d.Minor = *minor
	}
	if pci := asked(l, &r, h.GetPciInfo, pciInfo...); pci != nil {
		d.PCI = sysfs(*pci)
	}
	if cc := asked(l, &r, capability(h), "nvmlDeviceGetCudaComputeCapability"); cc != nil {
		d.ComputeCapability = *cc
	}
	active := asked(l, &r, h.GetDisplayActive, "nvmlDeviceGetDisplayActive")
	mode := asked(l, &r, h.GetDisplayMode, "nvmlDeviceGetDisplayMode")
	d.Display = on(active) || on(mode)
	d.Memory = p.total(h, &r)
	return &d, r
}

func on(state *nvml.EnableState) bool { return state != nil && *state == nvml.FEATURE_ENABLED }

// total is the size of the memory of a GPU, or of the machine's where it has none.
func (p *provider) total(h nvml.Device, worst *nvml.Return) int64 {
	m, r := p.memory(h)
	if untold(r) {
		return sharedMemory()
	}
	if r != nvml.SUCCESS {
		*worst = r
	}
	return m.total
}

// sysfs is an address as the kernel writes it; NVML's has a domain of eight
// digits, and capitals.
func sysfs(pci nvml.PciInfo) string {
	return fmt.Sprintf("%04x:%02x:%02x.0", pci.Domain, pci.Bus, pci.Device)
}

func capability(h nvml.Device) func() (int, nvml.Return) {
	return func() (int, nvml.Return) {
		major, minor, r := h.GetCudaComputeCapability()
		return major*10 + minor, r
	}
}

// note adds what an admin should know of a GPU.
func (p *provider) note(f *found) {
	mode, _ := told(&p.library, f.handle.GetPersistenceMode, "nvmlDeviceGetPersistenceMode")
	if mode != nil && *mode == nvml.FEATURE_DISABLED {
		f.notes = append(f.notes, fmt.Sprintf("GPU %s is not in persistence mode: the first to use it waits for seconds; start nvidia-persistenced", f.uuid))
	}
}
