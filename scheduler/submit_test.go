package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

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
	if want := fmt.Sprintf("of job %d, whose function, arguments or request fields differ. Another key", first.IDs[0]); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want it to say %q", err, want)
	}
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
	w.limit("ana", 1)
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
	w.wantErr(err, scheduler.ErrInvalid) // it never runs: waiting would not help
}

func TestNeverRuns(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.submit("ana", gpus(8)) // no host was ever seen: it waits for one
	w.host("a", 2)
	for _, c := range []struct {
		change func(*scheduler.Submission)
		says   string
	}{
		{gpus(3), "no host has 3 devices that fit; the most are 2, on a"},
		{func(s *scheduler.Submission) { s.Request.GPUMem = 90 << 30 }, "no host has a device with 90 GiB; the largest is a's NVIDIA H100 80GB HBM3 with 80 GiB"},
		{func(s *scheduler.Submission) { s.PythonVersion = "3.12" }, "the call needs 3.12"},
		{func(s *scheduler.Submission) { s.Request.Python = "torch25" }, "torch25"},
		{func(s *scheduler.Submission) { s.Request.Host = "b" }, `there is no host "b"; hosts are a`},
		{func(s *scheduler.Submission) { s.Request.Labels = map[string]string{"rack": "1"} }, "no host has the labels rack=1; a has none"},
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
