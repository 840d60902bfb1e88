package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// world is a scheduler on a store, with hosts whose agents the test plays.
type world struct {
	testing.TB
	ctx context.Context
	st  store.Store
	s   *scheduler.Scheduler
	n   int
}

func newWorld(t testing.TB, timing scheduler.Timing) *world {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return worldOn(t, st, timing)
}

func worldOn(t testing.TB, st store.Store, timing scheduler.Timing) *world {
	s, err := scheduler.New(st, scheduler.Options{Timing: timing})
	if err != nil {
		t.Fatal(err)
	}
	return &world{TB: t, ctx: t.Context(), st: st, s: s}
}

// host is an agent played by the test.
type host struct {
	*world
	inv   scheduler.Inventory
	epoch uint64
}

func (w *world) host(name string, gpus int) *host {
	w.Helper()
	inv := scheduler.Inventory{
		Host: name, BootID: "boot-1",
		Environments: []scheduler.Environment{{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7"}},
	}
	for i := range gpus {
		d := gpu.Device{
			UUID: fmt.Sprintf("GPU-%s-%d", name, i), Index: i, Kind: gpu.KindGPU, Model: "NVIDIA H100 80GB HBM3",
			Memory: 81559 << 20, ComputeCapability: 90,
		}
		inv.Devices = append(inv.Devices, scheduler.DeviceReport{Device: d, State: gpu.Free})
	}
	h := &host{world: w, inv: inv}
	h.join(nil, nil)
	return h
}

func (h *host) join(running []scheduler.LeaseRef, locked func(string) bool) scheduler.Joined {
	h.Helper()
	j, err := h.s.Join(h.ctx, h.inv, running, locked)
	if err != nil {
		h.Fatal(err)
	}
	h.epoch = j.Epoch
	return j
}

// offer gives what the host has; the named devices are busy.
func (h *host) offer(busy map[string]bool) scheduler.Offer {
	o := scheduler.Offer{Host: h.inv.Host, Labels: h.inv.Labels, Environments: h.inv.Environments}
	for _, d := range h.inv.Devices {
		o.Devices = append(o.Devices, scheduler.OfferedDevice{Device: d.Device, Free: !busy[d.UUID]})
	}
	return o
}

// choose views and picks.
func (h *host) choose(busy map[string]bool) scheduler.Choice {
	h.Helper()
	v, err := h.s.View(h.ctx, h.offer(busy), 0)
	if err != nil {
		h.Fatal(err)
	}
	return scheduler.Pick(v, h.offer(busy), v.Now, 0)
}

func (h *host) claim(c scheduler.Choice) (scheduler.Claimed, error) {
	h.n++
	return h.s.Claim(h.ctx, scheduler.ClaimRequest{
		Host: h.inv.Host, Epoch: h.epoch, Job: c.Job, User: c.User, Devices: c.Devices,
		ClaimID: fmt.Sprintf("claim-%d", h.n), Held: c.Held, FairHeld: true,
	})
}

// take views, picks, claims; it fails the test if nothing is to be had.
func (h *host) take(busy map[string]bool) scheduler.Claimed {
	h.Helper()
	c := h.choose(busy)
	if c.Kind != scheduler.ChoiceRun {
		h.Fatalf("%s: nothing to run: %+v", h.inv.Host, c)
	}
	won, err := h.claim(c)
	if err != nil {
		h.Fatal(err)
	}
	return won
}

func (w *world) start(c scheduler.Claimed) scheduler.LeaseRef {
	w.Helper()
	ref := scheduler.LeaseRef{Job: c.Job.ID, Fence: c.Fence}
	w.must(w.s.Start(w.ctx, ref))
	return ref
}

func (w *world) succeed(ref scheduler.LeaseRef) scheduler.Job {
	w.Helper()
	return w.finish(ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Short: "1"}})
}

func (w *world) finish(ref scheduler.LeaseRef, f scheduler.Finish) scheduler.Job {
	w.Helper()
	j, err := w.s.Finish(w.ctx, ref, f)
	w.must(err)
	return j
}

func (w *world) submit(user string, change ...func(*scheduler.Submission)) scheduler.JobID {
	w.Helper()
	ids, err := w.submitN(user, 1, change...)
	w.must(err)
	return ids[0]
}

func (w *world) submitN(user string, n int, change ...func(*scheduler.Submission)) ([]scheduler.JobID, error) {
	subs := make([]scheduler.Submission, n)
	for i := range subs {
		subs[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train"}
		for _, c := range change {
			c(&subs[i])
		}
	}
	out, err := w.s.Submit(w.ctx, scheduler.Who{User: user}, subs, "")
	return out.IDs, err
}

func (w *world) job(id scheduler.JobID) scheduler.Job {
	w.Helper()
	j, err := w.s.Job(w.ctx, id)
	w.must(err)
	return j
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// drain closes something, and returns the deadline.
func (w *world) drain(d scheduler.Drain) time.Time {
	w.Helper()
	at, err := w.s.Drain(w.ctx, d)
	w.must(err)
	return at
}

func (w *world) wantErr(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

func (w *world) wantState(id scheduler.JobID, want scheduler.State) scheduler.Job {
	w.Helper()
	j := w.job(id)
	if j.State != want {
		w.Fatalf("job %d is %s (%s %s), want %s", id, j.State, j.Reason, j.Detail, want)
	}
	return j
}

// until waits for a condition that the loops bring about.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("waited in vain until %s", what)
		}
	}
}
