package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
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

func TestRevokeRequeues(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a, b := w.host("a", 1), w.host("b", 1)
	id := w.submit("ana")
	ref := w.start(a.take(nil))
	w.must(w.s.Revoke(w.ctx, id, "requeue", "root: needs the host"))
	if answer := a.renew(ref).Answers[0]; !answer.Cancel || answer.Then != "requeue" {
		t.Fatalf("%+v", answer)
	}
	w.must(w.s.Release(w.ctx, ref, "revoked"))
	w.wantState(id, scheduler.Queued)
	w.succeed(w.start(b.take(nil)))
	w.wantErr(w.s.Revoke(w.ctx, id, "requeue", ""), scheduler.ErrFinal)
}

// TestLostAgent: its leases are ended when it is silent, and the budget counts
// only attempts that had started.
func TestLostAgent(t *testing.T) {
	w := newWorld(t, fast()).running()
	id := w.submit("ana")
	for i := range 5 {
		h := w.host(fmt.Sprint("host", i), 1)
		c := h.take(nil)
		if i > 0 {
			w.start(c)
		}
		w.until("the lease is ended", func() bool { return !w.job(id).State.Active() })
	}
	j := w.wantState(id, scheduler.Failed)
	if j.Reason != scheduler.ReasonLost || j.Losses != 4 || len(j.Attempts) != 5 {
		t.Fatalf("%+v", j)
	}
	w.clean()
}

func TestRestartedAgent(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 3)
	runs, gone, unsure := w.submit("ana"), w.submit("ana"), w.submit("ana")
	busy := map[string]bool{}
	var refs []scheduler.LeaseRef
	for range 3 {
		c := h.take(busy)
		busy[c.Job.Attempt().Devices[0]] = true
		refs = append(refs, w.start(c))
	}
	old := h.epoch
	unsureJob := w.job(unsure)
	stuck := unsureJob.Attempt().Devices[0]
	foreign := scheduler.LeaseRef{Job: gone, Fence: 7}
	j := h.join([]scheduler.LeaseRef{refs[0], foreign}, func(uuid string) bool { return uuid != stuck })
	if len(j.Adopt) != 1 || j.Adopt[0].ID != runs || len(j.Kill) != 1 || j.Kill[0] != foreign {
		t.Fatalf("joined as %+v", j)
	}
	w.wantState(gone, scheduler.Queued)
	w.wantState(unsure, scheduler.Running) // its device is not locked: it may be alive
	_, err := w.s.Renew(w.ctx, "a", old, nil)
	w.wantErr(err, scheduler.ErrStaleAgent)
	h.inv.BootID = "boot-2"
	h.join(nil, nil)
	w.wantState(unsure, scheduler.Queued)
	w.wantState(runs, scheduler.Queued)
	w.clean()
}

// TestReplacedAgentsLeasesExpire: what the new process neither runs nor can
// vouch for ends when the old one's belief must be over, however often the new one renews.
func TestReplacedAgentsLeasesExpire(t *testing.T) {
	w := newWorld(t, fast()).running()
	h := w.host("a", 1)
	id := w.submit("ana")
	w.start(h.take(nil))
	h.join(nil, func(string) bool { return false })
	w.until("it is queued again", func() bool { h.renew(); return w.job(id).State == scheduler.Queued })
}

func TestAfter(t *testing.T) {
	w := newWorld(t, fast()).running()
	h := w.host("a", 1)
	parent, doomed := w.submit("ana"), w.submit("ana", func(s *scheduler.Submission) { s.Request.Priority = -1 })
	after := func(ids ...scheduler.JobID) func(*scheduler.Submission) {
		return func(s *scheduler.Submission) { s.Request.After = ids }
	}
	child := w.submit("ana", after(parent))
	orphan := w.submit("ana", after(parent, doomed))
	grandchild := w.submit("ana", after(orphan))
	w.wantState(child, scheduler.Scheduled)
	_, err := w.submitN("bob", 1, after(parent))
	w.wantErr(err, scheduler.ErrInvalid)

	w.succeed(w.start(h.take(nil)))
	w.until("the child is queued", func() bool { return w.job(child).State == scheduler.Queued })
	w.until("the other one waits for one job only", func() bool { return len(w.job(orphan).Pending) == 1 })
	w.wantState(orphan, scheduler.Scheduled)
	_, _, err = w.s.Cancel(w.ctx, doomed, "ana")
	w.must(err)
	w.until("the failure came down", func() bool { return w.job(grandchild).State.Final() })
	if j := w.job(orphan); j.Reason != scheduler.ReasonDependency || !strings.Contains(j.Detail, fmt.Sprint(doomed)) {
		t.Fatalf("%+v", j)
	}
	late := w.submit("ana", after(doomed))
	if j := w.wantState(late, scheduler.Failed); j.Reason != scheduler.ReasonDependency {
		t.Fatalf("%+v", j)
	}
	w.clean()
}

func TestQueueTimeoutRunAtAndPurge(t *testing.T) {
	w := newWorld(t, fast()).running()
	expires := w.submit("ana", func(s *scheduler.Submission) { s.Request.QueueTimeout = time.Millisecond })
	now, err := w.s.Now(w.ctx)
	w.must(err)
	later := w.submit("ana", func(s *scheduler.Submission) {
		s.Request.RunAt = now.Add(30 * time.Millisecond)
		s.Request.ResultTTL = time.Millisecond
	})
	w.until("it expired", func() bool { return w.job(expires).Reason == scheduler.ReasonExpired })
	w.until("its time came", func() bool { return w.job(later).State == scheduler.Queued })
	if j := w.job(later); j.QueuedAt.Before(now.Add(30 * time.Millisecond)) {
		t.Fatalf("queued at %s", j.QueuedAt)
	}
	_, _, err = w.s.Cancel(w.ctx, later, "ana")
	w.must(err)
	w.until("it is forgotten", func() bool { _, err := w.s.Job(w.ctx, later); return err != nil })
	_, err = w.s.Spec(w.ctx, later)
	w.wantErr(err, scheduler.ErrNotFound)
	w.clean()
}

func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	batch := func(n int, body string) []scheduler.Submission {
		subs := make([]scheduler.Submission, n)
		for i := range subs {
			subs[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: fmt.Appendf(nil, "%s %d", body, i), Function: "f"}
		}
		return subs
	}
	ana := scheduler.Who{User: "ana"}
	first, err := w.s.Submit(w.ctx, ana, batch(1200, "x"), "k")
	w.must(err)
	again, err := w.s.Submit(w.ctx, ana, batch(1200, "x"), "k")
	w.must(err)
	if !again.Replayed || fmt.Sprint(again.IDs) != fmt.Sprint(first.IDs) {
		t.Fatalf("a repeat got %d ids, replayed %v", len(again.IDs), again.Replayed)
	}
	_, err = w.s.Submit(w.ctx, ana, batch(1200, "y"), "k")
	w.wantErr(err, scheduler.ErrKeyReused)
	other, err := w.s.Submit(w.ctx, scheduler.Who{User: "bob"}, batch(1, "y"), "k")
	w.must(err)
	if other.Replayed {
		t.Fatal("another user's key")
	}
	own := batch(3, "z")
	own[1].Request.Key = "mine"
	out, err := w.s.Submit(w.ctx, ana, own, "")
	w.must(err)
	single, err := w.s.Submit(w.ctx, ana, own[1:2], "whatever")
	w.must(err)
	if !single.Replayed || single.IDs[0] != out.IDs[1] {
		t.Fatalf("the job's own key: %+v after %+v", single, out)
	}
}

// TestSubmitWithLostAnswers: whatever is lost, a repeat under the key
// completes the batch, each job once.
func TestSubmitWithLostAnswers(t *testing.T) {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	faulty := &storetest.Faulty{Store: st, Inject: storetest.Random(1, 2)}
	w := worldOn(t, faulty, scheduler.DefaultTiming())
	subs := make([]scheduler.Submission, 1700)
	for i := range subs {
		subs[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f"}
	}
	var out scheduler.Submitted
	for range 100 {
		if out, err = w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, subs, "k"); err == nil {
			break
		}
		w.wantErr(err, store.ErrUnavailable)
	}
	w.must(err)
	faulty.Inject = nil
	n, err := w.s.JobCount(w.ctx)
	w.must(err)
	if len(out.IDs) != 1700 || n[scheduler.Queued] != 1700 {
		t.Fatalf("%d ids, %v", len(out.IDs), n)
	}
	w.clean()
}

func TestLimits(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	who := scheduler.Who{User: "ana", MaxQueued: 2, MaxDevices: 1, MaxTimeout: time.Hour}
	sub := []scheduler.Submission{{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f"}}
	for range 2 {
		_, err := w.s.Submit(w.ctx, who, sub, "")
		w.must(err)
	}
	_, err := w.s.Submit(w.ctx, who, sub, "")
	w.wantErr(err, scheduler.ErrQuota)
	c := h.take(nil)
	if c.Job.Timeout != time.Hour {
		t.Errorf("time limit %s", c.Job.Timeout)
	}
	if next := h.choose(map[string]bool{"GPU-a-0": true}); next.Kind != scheduler.ChoiceNone {
		t.Errorf("ana holds 1 of 1 and gets %+v", next)
	}
	_, err = w.s.Submit(w.ctx, who, sub, "") // one of the two runs now
	w.must(err)
	two := 2
	sub[0].Request.GPUs = &two
	_, err = w.s.Submit(w.ctx, who, sub, "")
	w.wantErr(err, scheduler.ErrQuota)
}

func TestNeverRuns(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.submit("ana", gpus(8)) // no host was ever seen: it waits for one
	w.host("a", 2)
	for _, c := range []struct {
		change func(*scheduler.Submission)
		says   string
	}{
		{gpus(3), "2 of the 3"},
		{func(s *scheduler.Submission) { s.Request.GPUMem = 90 << 30 }, "mem=94"},
		{func(s *scheduler.Submission) { s.PythonVersion = "3.12" }, "the call needs 3.12"},
		{func(s *scheduler.Submission) { s.Request.Python = "torch25" }, "torch25"},
		{func(s *scheduler.Submission) { s.Request.Host = "b" }, `not the host "b"`},
		{func(s *scheduler.Submission) { s.Request.Labels = map[string]string{"rack": "1"} }, "rack=1"},
	} {
		_, err := w.submitN("ana", 1, c.change)
		w.wantErr(err, scheduler.ErrUnsatisfiable)
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v does not say %q", err, c.says)
		}
		onlyPython := strings.Contains(c.says, "the call needs")
		if errors.Is(err, scheduler.ErrVersionMismatch) != onlyPython {
			t.Errorf("%v is the Python's fault: want %v", err, onlyPython)
		}
	}
	w.submit("ana", gpus(2), func(s *scheduler.Submission) { s.Request.GPUType = "h100*80gb" })
}

func TestDrain(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	w.submit("ana")
	w.must(w.s.Drain(w.ctx, "a", "GPU-a-0", "root: fan", true))
	c := h.choose(nil)
	if c.Devices[0] != "GPU-a-1" {
		t.Fatalf("chose %v", c.Devices)
	}
	w.must(w.s.Drain(w.ctx, "a", "", "root: update", true))
	_, err := h.claim(c)
	w.wantErr(err, scheduler.ErrBusy)
	if c := h.choose(nil); c.Kind != scheduler.ChoiceNone || !strings.Contains(c.Reason, "root: update") {
		t.Fatalf("%+v", c)
	}
	why, err := w.s.Why(w.ctx, 1)
	w.must(err)
	if len(why.Reasons) == 0 || why.Reasons[0].Code != "drained" {
		t.Fatalf("%+v", why)
	}
	w.must(w.s.Drain(w.ctx, "a", "", "", false))
	w.wantErr(w.s.Drain(w.ctx, "b", "", "", true), scheduler.ErrUnknownHost)
	w.wantErr(w.s.Drain(w.ctx, "a", "GPU-x", "", true), scheduler.ErrUnknownDevice)
	h.take(nil)
}

func TestRequeue(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	id := w.submit("ana")
	ana := scheduler.Who{User: "ana"}
	_, err := w.s.Requeue(w.ctx, ana, id)
	w.wantErr(err, scheduler.ErrNotFinal)
	w.finish(w.start(h.take(nil)), failure(scheduler.ReasonOOM))
	again, err := w.s.Requeue(w.ctx, ana, id)
	w.must(err)
	repeat, err := w.s.Requeue(w.ctx, ana, id)
	w.must(err)
	if repeat != again || w.job(again).RequeueOf != id || w.job(id).RequeuedAs != again {
		t.Fatalf("%d, then %d", again, repeat)
	}
	_, err = w.s.Requeue(w.ctx, scheduler.Who{User: "bob"}, id)
	w.wantErr(err, scheduler.ErrNotFound)
	c := h.take(nil)
	if c.Job.ID != again || string(c.Spec.Body) != `{"msg": 1}` {
		t.Fatalf("%+v", c)
	}
	w.clean()
}

func TestWhyAndEstimate(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	w.succeed(w.start(func() scheduler.Claimed { w.submit("ana"); return h.take(nil) }()))
	w.submit("ana")
	w.start(h.take(nil))
	ahead, id := w.submit("ana"), w.submit("ana")
	_ = ahead
	why, err := w.s.Why(w.ctx, id)
	w.must(err)
	if why.Position != 2 || why.Reasons[0].Code != "devices-busy" || why.Reasons[1].Code != "queue" {
		t.Fatalf("%+v", why)
	}
	if !why.Estimate.Known || why.Estimate.Latest == 0 || !strings.Contains(why.Estimate.Basis, "median") {
		t.Errorf("%+v", why.Estimate)
	}
	strange := w.submit("bob", func(s *scheduler.Submission) { s.Function = "never seen" })
	behind := w.submit("bob", func(s *scheduler.Submission) { s.Function = "never seen" })
	_ = strange
	why, err = w.s.Why(w.ctx, behind)
	w.must(err)
	if why.Estimate.Known || !strings.HasPrefix(why.Estimate.Basis, "unknown") {
		t.Errorf("%+v", why.Estimate)
	}
}

func TestListsAndEvents(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	for range 7 {
		w.submit("ana")
		w.submit("bob")
	}
	w.succeed(w.start(h.take(nil)))
	var ids []scheduler.JobID
	f := scheduler.Filter{User: "ana", Limit: 3}
	for {
		page, next, err := w.s.Jobs(w.ctx, f)
		w.must(err)
		for _, j := range page {
			ids = append(ids, j.ID)
		}
		if f.Before = next; next == 0 {
			break
		}
	}
	if len(ids) != 7 || ids[0] != 13 || ids[6] != 1 {
		t.Fatalf("listed %v", ids)
	}
	queue, err := w.s.Queue(w.ctx, 5)
	w.must(err)
	if len(queue) != 5 {
		t.Fatalf("queue %v", queue)
	}
	events, err := w.s.Events(w.ctx, store.EntryID{}, 100)
	w.must(err)
	var kinds []string
	for _, e := range events[len(events)-3:] {
		kinds = append(kinds, e.Kind)
	}
	if len(events) != 17 || strings.Join(kinds, " ") != "leased running succeeded" {
		t.Fatalf("%d events, last %v", len(events), kinds)
	}
	leases, err := w.s.Leases(w.ctx)
	w.must(err)
	if len(leases) != 0 {
		t.Fatalf("%+v", leases)
	}
}

func TestNoticesAndChanges(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	notices, err := w.s.Notices(w.ctx, "a")
	w.must(err)
	changes, err := w.s.Changes(w.ctx)
	w.must(err)
	w.must(w.s.Idle(w.ctx, "a", true))
	id := w.submit("ana")
	if c := <-changes; c.Job != id || c.State != scheduler.Queued {
		t.Fatalf("%+v", c)
	}
	<-notices
	w.must(w.s.Idle(w.ctx, "a", false))
	w.start(h.take(nil))
	_, _, err = w.s.Cancel(w.ctx, id, "ana")
	w.must(err)
	<-notices
}
