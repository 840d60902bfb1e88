//go:build linux && cgo

package nvml

import (
	"context"
	"errors"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// Links says how near the whole GPUs are to each other. No program can use
// several slices, so they have none.
func (p *provider) Links(ctx context.Context) ([]gpu.Link, error) {
	if p.gate.isClosed() {
		return nil, errDetached
	}
	wholes, err := p.wholes(ctx)
	if err != nil {
		return nil, err
	}
	links, ok := within(ctx, p.linking, func() []gpu.Link { return p.links(wholes) })
	if !ok {
		return nil, errors.New("the NVIDIA driver does not tell how near the GPUs are to each other")
	}
	if p.gate.isClosed() {
		return nil, errDetached
	}
	return links, nil
}

// wholes are the GPUs that can be leased as a whole.
func (p *provider) wholes(ctx context.Context) (all []found, err error) {
	if err := p.listed(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.found {
		if f.handle != nil && !f.mig {
			all = append(all, f)
		}
	}
	return all, nil
}

func (p *provider) links(wholes []found) (all []gpu.Link) {
	if _, ok := p.gate.enter(); !ok {
		return nil
	}
	defer p.gate.leave()
	buses := map[string]bool{}
	for _, f := range wholes {
		buses[f.identity.PCI] = true
	}
	peers := make([]peers, len(wholes))
	for i, f := range wholes {
		peers[i] = p.peers(f.handle, buses)
	}
	for i, a := range wholes {
		for j, b := range wholes[i+1:] {
			l := gpu.Link{A: a.uuid, B: b.uuid, NVLinks: joined(peers[i], peers[i+1+j], a.identity.PCI, b.identity.PCI), Level: p.level(a.handle, b.handle)}
			if l.NVLinks > 0 || l.Level != gpu.LevelSystem {
				all = append(all, l)
			}
		}
	}
	return all
}

// peers counts where the NVLinks of a GPU lead.
type peers struct {
	direct   map[string]int // by the address of the other GPU
	switched int
}

func (p *provider) peers(h nvml.Device, buses map[string]bool) peers {
	to := peers{direct: map[string]int{}}
	if !p.has("nvmlDeviceGetNvLinkState") {
		return to
	}
	for link := range nvml.NVLINK_MAX_LINKS {
		if on, r := h.GetNvLinkState(link); r != nvml.SUCCESS || on != nvml.FEATURE_ENABLED {
			continue
		}
		bus := p.remote(h, link)
		switch {
		case buses[bus]:
			to.direct[bus]++
		case bus == "" || p.switched(h, link):
			to.switched++
		}
	}
	return to
}

// remote is the address at the other end, "" where the driver does not tell it,
// as behind some switches.
func (p *provider) remote(h nvml.Device, link int) string {
	pci, _ := told(&p.library, func() (nvml.PciInfo, nvml.Return) { return h.GetNvLinkRemotePciInfo(link) }, remotePCI...)
	if pci == nil {
		return ""
	}
	return sysfs(*pci)
}

func (p *provider) switched(h nvml.Device, link int) bool {
	kind, _ := told(&p.library, func() (nvml.IntNvLinkDeviceType, nvml.Return) {
		return h.GetNvLinkRemoteDeviceType(link)
	}, "nvmlDeviceGetNvLinkRemoteDeviceType")
	return kind != nil && *kind == nvml.NVLINK_DEVICE_TYPE_SWITCH
}

// joined counts the NVLinks between two GPUs: their own, and what the narrower
// has into the switches, which join all with all.
func joined(a, b peers, busA, busB string) int {
	return max(a.direct[busB], b.direct[busA]) + min(a.switched, b.switched)
}

func (p *provider) level(a, b nvml.Device) gpu.Level {
	level, _ := told(&p.library, func() (nvml.GpuTopologyLevel, nvml.Return) {
		return a.GetTopologyCommonAncestor(b)
	}, "nvmlDeviceGetTopologyCommonAncestor")
	if level == nil {
		return gpu.LevelSystem
	}
	return gpu.Level(*level)
}
