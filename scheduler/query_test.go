package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

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
	// With a time limit it is counted on also when the test is slower than its like was.
	w.submit("ana", func(s *scheduler.Submission) { s.Request.Timeout = time.Hour })
	w.start(h.take(nil))
	ahead, id := w.submit("ana"), w.submit("ana")
	_ = ahead
	why, err := w.s.Why(w.ctx, id, scheduler.Shown{})
	w.must(err)
	if why.Position != 2 || why.Of != 2 || why.Reasons[0].Code != "devices-busy" || why.Reasons[1].Code != "queue" {
		t.Fatalf("%+v", why)
	}
	if !why.Estimate.Known || why.Estimate.Latest == 0 || !strings.HasPrefix(why.Estimate.Basis, "1 job ahead and 1 running, ") {
		t.Errorf("%+v", why.Estimate)
	}
	strange := w.submit("bob", func(s *scheduler.Submission) { s.Function = "never seen" })
	behind := w.submit("bob", func(s *scheduler.Submission) { s.Function = "never seen" })
	_ = strange
	why, err = w.s.Why(w.ctx, behind, scheduler.Shown{})
	w.must(err)
	if why.Estimate.Known || !strings.HasPrefix(why.Estimate.Basis, "unknown") {
		t.Errorf("%+v", why.Estimate)
	}
	why, err = w.s.Why(w.ctx, ahead, scheduler.Shown{})
	w.must(err)
	if why.Position != 1 || why.Of < 2 {
		t.Errorf("the first of several: %+v", why)
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
