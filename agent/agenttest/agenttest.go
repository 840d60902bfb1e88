// Package agenttest is the contract of agent.Scheduler as tests (Run), and a
// real HTTPS server with a line that loses things (Serve), for them and others.
package agenttest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// World is a store as users see it and as agents do.
type World struct {
	Users *scheduler.Scheduler
	Agent func(host string) agent.Scheduler
}

// Run runs the contract. open gives a new, empty world of these times, which it
// closes with the test.
func Run(t *testing.T, open func(t testing.TB, timing scheduler.Timing) World) {
	for name, contract := range map[string]func(*bench){
		"life":        testLife,
		"result":      testResult,
		"notices":     testNotices,
		"claims":      testClaims,
		"views":       testViews,
		"stale":       testStale,
		"release":     testRelease,
		"await":       testAwait,
		"cancels":     testCancels,
		"revoke":      testRevoke,
		"join":        testJoin,
		"reboot":      testReboot,
		"replaced":    testReplaced,
		"never":       testNeverJoined,
		"two hosts":   testTwoHosts,
		"report":      testReport,
		"nothing":     testNothing,
		"own lease":   testOwnLease,
		"ended":       testEnded,
		"their clock": testClock,
		"orders":      testOrders,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract(newBench(t, open(t, scheduler.DefaultTiming())))
		})
	}
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		testLate(newBench(t, open(t, scheduler.DefaultTiming().Scale(200))))
	})
}

// host is an agent that the test plays.
type host struct {
	*bench
	agent.Scheduler
	inv   scheduler.Inventory
	epoch uint64
}

// host joins as an agent with so many devices.
func (b *bench) host(name string, devices int) *host {
	b.Helper()
	h := &host{bench: b, Scheduler: b.Agent(name), inv: inventory(name, devices)}
	h.join(nil, nil)
	return h
}

func inventory(name string, devices int) scheduler.Inventory {
	inv := scheduler.Inventory{
		Host: name, BootID: "boot-1", Version: "test", RunAs: agent.RunAsSelf, Isolation: "none", Labels: map[string]string{"rack": "7"},
		Environments: []scheduler.Environment{{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7"}},
	}
	for i := range devices {
		inv.Devices = append(inv.Devices, scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{
			UUID: fmt.Sprintf("SIM-%s-%d", name, i), Index: i, Kind: gpu.KindGPU, Model: "NVIDIA H100 80GB HBM3",
			Memory: 81559 << 20, ComputeCapability: 90, PCI: "0000:01:00.0",
		}})
	}
	return inv
}

func (h *host) join(running []scheduler.LeaseRef, locked func(string) bool) scheduler.Joined {
	h.Helper()
	j, err := again(func() (scheduler.Joined, error) { return h.Join(h.ctx, h.inv, running, locked) })
	h.must(err)
	h.epoch = j.Epoch
	return j
}

// offer is what the host has; the devices with these indices are busy.
func (h *host) offer(busy ...int) scheduler.Offer {
	o := scheduler.Offer{Host: h.inv.Host, Labels: h.inv.Labels, Environments: h.inv.Environments}
	for _, d := range h.inv.Devices {
		o.Devices = append(o.Devices, scheduler.OfferedDevice{Device: d.Device, Free: true})
	}
	for _, i := range busy {
		o.Devices[i].Free = false
	}
	return o
}

func (h *host) view(busy ...int) scheduler.View {
	h.Helper()
	v, err := again(func() (scheduler.View, error) { return h.View(h.ctx, h.offer(busy...), 1) })
	h.must(err)
	return v
}

// request is a claim of a job on the devices with these indices.
func (h *host) request(id scheduler.JobID, devices ...int) scheduler.ClaimRequest {
	h.claims++
	sum := token.Hash("secret")
	r := scheduler.ClaimRequest{
		Host: h.inv.Host, Epoch: h.epoch, Job: id, ClaimID: fmt.Sprintf("%d-%032x", id, h.claims), TokenSHA256: sum[:], WorkDir: "/jobs/1",
	}
	for _, i := range devices {
		r.Devices = append(r.Devices, h.inv.Devices[i].UUID)
	}
	return r
}

// claim has the lease of a job on a device.
func (h *host) claim(id scheduler.JobID, device int) scheduler.LeaseRef {
	h.Helper()
	won, err := h.Claim(h.ctx, h.request(id, device))
	h.must(err)
	return scheduler.LeaseRef{Job: id, Fence: won.Fence}
}

// run has a job running on a device.
func (h *host) run(id scheduler.JobID, device int) scheduler.LeaseRef {
	h.Helper()
	ref := h.claim(id, device)
	h.must(h.Start(h.ctx, ref))
	return ref
}

func (h *host) renew(refs ...scheduler.LeaseRef) scheduler.Renewed {
	h.Helper()
	r, err := h.Renew(h.ctx, h.inv.Host, h.epoch, refs)
	h.must(err)
	if len(r.Answers) != len(refs) {
		h.Fatalf("%d answers for %d leases", len(r.Answers), len(refs))
	}
	return r
}

// again makes a call again while its outcome is not known, as agents do.
func again[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, store.ErrUnavailable) {
			return v, err
		}
	}
}

// look reads a job as an agent does.
func (h *host) look(id scheduler.JobID) (scheduler.Job, error) {
	return again(func() (scheduler.Job, error) { return h.Job(h.ctx, id) })
}

func (h *host) spec(id scheduler.JobID) (scheduler.Spec, error) {
	return again(func() (scheduler.Spec, error) { return h.Spec(h.ctx, id) })
}

func (h *host) revision() uint64 {
	h.Helper()
	r, err := again(func() (uint64, error) { return h.Revision(h.ctx) })
	h.must(err)
	return r
}
