// Package fleet plays many hosts in one process: for each the calls that package
// agent makes of its scheduler, at the agent's times, without slots and processes,
// of which 8,000 fit on no machine that measures. docs/decisions/0059 says why.
package fleet

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// Host is one simulated host. Take may be called before Run, which works until
// its context ends.
type Host struct {
	Name  string
	s     agent.Scheduler
	runs  time.Duration // of a job that Run claims
	tally *Tally
	inv   scheduler.Inventory
	seed  uint64
	epoch uint64

	freed chan struct{} // a device is free again
	renew chan struct{} // a renewal is asked for

	mu   sync.Mutex
	held map[string]scheduler.LeaseRef // by device
	// ended are leases whose end the store was told, maybe not yet in an answer.
	ended map[scheduler.LeaseRef]bool

	// Of the claim loop.
	idle bool
	seen uint64
}

// New makes a host of so many GPUs. What it is asked to run takes so long.
func New(name string, gpus int, s agent.Scheduler, runs time.Duration, tally *Tally) *Host {
	h := &Host{
		Name: name, s: s, runs: runs, tally: tally, held: map[string]scheduler.LeaseRef{}, ended: map[scheduler.LeaseRef]bool{},
		freed: make(chan struct{}, 1), renew: make(chan struct{}, 1),
	}
	sum := fnv.New64a()
	fmt.Fprint(sum, name)
	h.seed = sum.Sum64()
	h.inv = scheduler.Inventory{
		Host: name, BootID: "boot-1", Version: "bench", RunAs: agent.RunAsSelf, Isolation: "none",
		Environments: []scheduler.Environment{{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7", Cloudpickle: "3.1.1"}},
	}
	for i := range gpus {
		h.inv.Devices = append(h.inv.Devices, scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{
			UUID: fmt.Sprintf("SIM-%s-%d", name, i), Index: i, Kind: gpu.KindGPU, Model: "NVIDIA H100 80GB HBM3",
			Memory: 81559 << 20, ComputeCapability: 90, PCI: fmt.Sprintf("0000:%02x:00.0", i+1),
		}})
	}
	return h
}

// Join makes this process the agent of the host.
func (h *Host) Join(ctx context.Context) error {
	joined, err := h.s.Join(ctx, h.inv, nil, func(string) bool { return true })
	h.epoch = joined.Epoch
	return err
}

// Take claims a job for the device of this place, and starts it. It runs until
// Run's claims are over, and longer.
func (h *Host) Take(ctx context.Context, job scheduler.JobID, user string, device int) error {
	_, err := h.claim(ctx, scheduler.ClaimRequest{Job: job, User: user, Devices: []string{h.inv.Devices[device].UUID}})
	return err
}

// claim takes a lease and starts its job. An error: there is no lease.
func (h *Host) claim(ctx context.Context, r scheduler.ClaimRequest) (scheduler.LeaseRef, error) {
	sum := token.Hash(token.NewSecret())
	r.Host, r.Epoch, r.TokenSHA256 = h.Name, h.epoch, sum[:]
	r.ClaimID = fmt.Sprintf("%d-%x", r.Job, sum[:16])
	won, err := h.s.Claim(ctx, r)
	if err != nil {
		return scheduler.LeaseRef{}, err
	}
	ref := scheduler.LeaseRef{Job: r.Job, Fence: won.Fence}
	h.hold(r.Devices, ref)
	if err := h.s.Start(ctx, ref); err != nil {
		h.give(r.Devices)
		return scheduler.LeaseRef{}, fmt.Errorf("start: %w", err)
	}
	return ref, nil
}

// offer is what the host has now, and how much of it is free.
func (h *Host) offer() (o scheduler.Offer, free int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o = scheduler.Offer{Host: h.Name, Environments: h.inv.Environments}
	for i := range h.inv.Devices {
		d := h.inv.Devices[i].Device
		_, taken := h.held[d.UUID]
		if !taken {
			free++
		}
		o.Devices = append(o.Devices, scheduler.OfferedDevice{Device: d, Free: !taken})
	}
	return o, free
}

func (h *Host) hold(devices []string, ref scheduler.LeaseRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range devices {
		h.held[d] = ref
	}
}

func (h *Host) give(devices []string) {
	h.mu.Lock()
	for _, d := range devices {
		delete(h.held, d)
	}
	h.mu.Unlock()
	wake(h.freed)
}

func (h *Host) end(ref scheduler.LeaseRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[ref] = true
}

// lost counts the leases that the store has taken from a host that had not ended them.
func (h *Host) lost(r scheduler.Renewed) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range r.Answers {
		if a.Gone && !h.ended[a.Ref] {
			n++
		}
	}
	return n
}

// refs names the leases of the host, each once.
func (h *Host) refs() []scheduler.LeaseRef {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := make(map[scheduler.LeaseRef]bool, len(h.held))
	refs := make([]scheduler.LeaseRef, 0, len(h.held))
	for _, ref := range h.held {
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	return refs
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a token is there already
	}
}
