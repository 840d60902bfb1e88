package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

func newWorldlessInventory(gpus int) scheduler.Inventory {
	inv := scheduler.Inventory{Host: "a", Environments: []scheduler.Environment{{Name: "default", Version: "3.11.7"}}}
	for i := range gpus {
		d := gpu.Device{UUID: fmt.Sprintf("GPU-a-%d", i), Index: i, Kind: gpu.KindGPU, Model: "H100", Memory: 80 << 30}
		inv.Devices = append(inv.Devices, scheduler.DeviceReport{Device: d, State: gpu.Free})
	}
	return inv
}

// fast divides all times, for what the loops do by themselves.
func fast() scheduler.Timing { return scheduler.DefaultTiming().Scale(1000) }

// running starts the loops for the length of the test.
func (w *world) running() *world {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.s.Run(w.ctx); err != nil {
			w.Error(err)
		}
	}()
	w.Cleanup(func() { <-done })
	return w
}

func (w *world) clean() {
	w.Helper()
	r, err := w.s.Check(w.ctx)
	w.must(err)
	if len(r.Repairs) > 0 {
		w.Fatalf("the check repaired: %s", strings.Join(r.Repairs, "; "))
	}
}

func failure(r scheduler.Reason) scheduler.Finish {
	return scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: r, Detail: "ValueError: no"}
}

func TestRetriesWithBackoff(t *testing.T) {
	w := newWorld(t, fast()).running()
	h := w.host("a", 1)
	id := w.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 2 })
	for i := range 3 {
		j := w.finish(w.start(h.take(nil)), failure(scheduler.ReasonError))
		if i == 2 {
			if j.State != scheduler.Failed || j.Reason != scheduler.ReasonError || j.Detail != "ValueError: no" {
				t.Fatalf("after the last retry: %+v", j)
			}
			break
		}
		want := fast().BackoffMin << i
		if pause := j.NotBefore.Sub(j.Attempt().Ended); j.State != scheduler.Scheduled || pause < want*8/10 || pause > want*12/10 {
			t.Fatalf("failure %d: %s, pause %s, want about %s", i+1, j.State, pause, want)
		}
		w.until("it is queued again", func() bool { h.renew(); return w.job(id).State == scheduler.Queued })
	}
	w.clean()
}

func (h *host) renew(refs ...scheduler.LeaseRef) scheduler.Renewed {
	h.Helper()
	r, err := h.s.Renew(h.ctx, h.inv.Host, h.epoch, refs)
	h.must(err)
	return r
}

func TestReleases(t *testing.T) {
	timing := scheduler.DefaultTiming()
	timing.Avoid = time.Nanosecond
	w := newWorld(t, timing)
	h := w.host("a", 1)
	id := w.submit("ana")
	for range 20 {
		var c scheduler.Claimed
		w.until("the host is asked again", func() bool {
			won, err := h.claim(h.choose(nil))
			c = won
			return err == nil
		})
		ref := scheduler.LeaseRef{Job: id, Fence: c.Fence}
		w.must(w.s.Release(w.ctx, ref, "device refused"))
		w.must(w.s.Release(w.ctx, ref, "device refused")) // a repeat
	}
	j := w.wantState(id, scheduler.Failed)
	if j.Reason != scheduler.ReasonUnplaceable || j.Releases != 20 {
		t.Fatalf("%+v", j)
	}
	w.clean()
}

func TestReleasingHostIsAvoided(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a, b := w.host("a", 1), w.host("b", 1)
	id := w.submit("ana")
	c := a.take(nil)
	w.must(w.s.Release(w.ctx, scheduler.LeaseRef{Job: id, Fence: c.Fence}, "spawn error"))
	_, err := a.claim(a.choose(nil))
	w.wantErr(err, scheduler.ErrBusy)
	w.succeed(w.start(b.take(nil)))
}

// TestFencesGrow: each lease of a job and of a device has a higher fence than
// all before, and a stale holder is told so.
func TestFencesGrow(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	var last uint64
	for range 5 {
		id := w.submit("ana")
		c := h.take(nil)
		if c.Fence <= last {
			t.Fatalf("fence %d after %d", c.Fence, last)
		}
		last = c.Fence
		w.wantErr(w.s.Start(w.ctx, scheduler.LeaseRef{Job: id, Fence: c.Fence - 1}), scheduler.ErrStale)
		_, err := w.s.Finish(w.ctx, scheduler.LeaseRef{Job: id, Fence: c.Fence + 1}, failure(""))
		w.wantErr(err, scheduler.ErrStale)
		w.wantErr(w.s.Progress(w.ctx, scheduler.LeaseRef{Job: id, Fence: 1}, "1"), scheduler.ErrStale)
		w.succeed(w.start(c))
	}
}

func TestClaimRepeatsAndRivals(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a, b := w.host("a", 1), w.host("b", 1)
	id, second := w.submit("ana"), w.submit("ana")
	req := scheduler.ClaimRequest{Host: "a", Epoch: a.epoch, Job: id, Devices: []string{"GPU-a-0"}, ClaimID: "x"}
	first, err := w.s.Claim(w.ctx, req)
	w.must(err)
	again, err := w.s.Claim(w.ctx, req)
	w.must(err)
	if !again.Replay || again.Fence != first.Fence || string(again.Spec.Body) != `{"msg": 1}` {
		t.Fatalf("repeat: %+v", again)
	}
	for _, rival := range []scheduler.ClaimRequest{
		{Host: "b", Epoch: b.epoch, Job: id, Devices: []string{"GPU-b-0"}, ClaimID: "y"},
		{Host: "a", Epoch: a.epoch, Job: second, Devices: []string{"GPU-a-0"}, ClaimID: "z"},
	} {
		_, err = w.s.Claim(w.ctx, rival)
		w.wantErr(err, scheduler.ErrBusy)
	}
	_, err = w.s.Claim(w.ctx, scheduler.ClaimRequest{Host: "b", Epoch: b.epoch - 1, Job: second, Devices: []string{"GPU-b-0"}, ClaimID: "y"})
	w.wantErr(err, scheduler.ErrStaleAgent)
}

func TestCancel(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	queued := w.submit("ana")
	j, already, err := w.s.Cancel(w.ctx, queued, "ana")
	if err != nil || already || j.State != scheduler.Cancelled {
		t.Fatalf("%+v %v %v", j, already, err)
	}
	_, already, err = w.s.Cancel(w.ctx, queued, "ana")
	if err != nil || !already {
		t.Fatalf("repeat: %v %v", already, err)
	}

	leased := w.submit("ana")
	c := h.take(nil)
	_, _, err = w.s.Cancel(w.ctx, leased, "ana")
	w.must(err)
	ref := scheduler.LeaseRef{Job: leased, Fence: c.Fence}
	w.wantErr(w.s.Start(w.ctx, ref), scheduler.ErrCancelled)
	w.must(w.s.Release(w.ctx, ref, "cancelled"))
	w.wantState(leased, scheduler.Cancelled)

	running := w.submit("ana")
	ref = w.start(h.take(nil))
	_, _, err = w.s.Cancel(w.ctx, running, "root: too long")
	w.must(err)
	if a := h.renew(ref).Answers[0]; !a.Cancel || a.Why != "root: too long" || a.Gone {
		t.Fatalf("renew says %+v", a)
	}
	late := w.succeed(ref)
	if late.State != scheduler.Succeeded || !late.CancelRequested {
		t.Fatalf("a cancel that came too late: %+v", late)
	}
	w.clean()
}
