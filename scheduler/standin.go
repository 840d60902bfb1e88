package scheduler

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// A CPU slot stands in for a GPU only where no host seen in the last days has a
// GPU that could run the job: busy, sick, drained or away, it is waited for.

// metByGPUs reports whether some host has the GPUs for the job.
func metByGPUs(n Need, unix string, hosts []Host, now time.Time) bool {
	return slices.ContainsFunc(hosts, func(h Host) bool {
		return now.Sub(h.Renewed) <= hostMemory && hasReal(h.Devices) && everFits(n, unix, &h, true) == nil
	})
}

// hasReal reports whether a host has a device that is no CPU slot.
func hasReal(devices []DeviceReport) bool {
	return slices.ContainsFunc(devices, func(d DeviceReport) bool { return d.Kind != gpu.KindCPU })
}

// standsIn reports whether the offer has slots that may have to stand back.
func (o *Offer) standsIn() bool {
	return slices.ContainsFunc(o.Devices, func(d OfferedDevice) bool { return d.StandIn })
}

// gpuHosts are the hosts that have GPUs, for those that have none.
type gpuHosts struct {
	mu    sync.Mutex
	taken time.Time // by this process's clock
	names []string
	hosts []Host
}

// backer says of jobs whether they are to be left to GPUs of other hosts.
type backer struct {
	hosts []Host
	now   time.Time
	known map[string]bool
}

// backer reads the hosts of these names, which the index of those with GPUs had a
// moment ago, unless they were read a few seconds before.
func (s *Scheduler) backer(ctx context.Context, members [][]byte, now time.Time) (*backer, error) {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = string(m)
	}
	g := &s.gpus
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.taken) >= fleetFresh || !slices.Equal(names, g.names) {
		hosts, err := s.hostsNamed(ctx, names)
		if err != nil {
			return nil, err
		}
		g.taken, g.names, g.hosts = time.Now(), names, hosts
	}
	return &backer{hosts: g.hosts, now: now, known: make(map[string]bool)}, nil
}

// takes reports whether GPUs elsewhere could run the jobs of this class and account.
// With none given only hosts count that run anybody's. A nil backer takes nothing.
func (b *backer) takes(class, unix string) bool {
	if b == nil {
		return false
	}
	key := class + "\x00" + unix
	taken, known := b.known[key]
	if !known {
		n, err := ParseNeed(class)
		taken = err == nil && n.GPUs > 0 && metByGPUs(n, unix, b.hosts, b.now)
		b.known[key] = taken
	}
	return taken
}

// realRange reads the hosts that have GPUs: of interest to stand-ins only.
func realRange(o *Offer) []store.Range {
	if !o.standsIn() {
		return nil
	}
	return []store.Range{{Index: keyReal, Limit: maxHosts}}
}
