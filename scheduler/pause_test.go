package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// setBack is a world whose store's clock the test sets.
type setBack struct {
	*world
	now time.Time
}

func newSetBack(t *testing.T) *setBack {
	w := &setBack{now: time.Unix(1_800_000_000, 0)}
	w.world = worldOn(t, sim.NewStore("a", func() time.Time { return w.now }), scheduler.DefaultTiming())
	return w
}

// round is one of each of the loops that look at scheduled jobs.
func (w *setBack) round() {
	w.Helper()
	report, err := w.s.Check(w.ctx)
	w.must(err)
	if len(report.Repairs) != 0 {
		w.Errorf("repaired: %v", report.Repairs)
	}
	w.must(w.s.PromoteOnce(w.ctx))
}

// TestRetryAfterASetBack: the pause before a retry lasts no longer for a store's clock
// that was set back meanwhile than until a check has seen it, and then once.
func TestRetryAfterASetBack(t *testing.T) {
	w := newSetBack(t)
	h := w.host("h1", 1)
	id := w.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 1 })
	later := w.submit("ana", func(s *scheduler.Submission) { s.Request.RunAt = w.now.Add(2 * time.Hour) })
	w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeFailed})
	w.now = w.now.Add(5 * time.Second)
	before := w.wantState(id, scheduler.Scheduled)
	w.round()
	if j := w.wantState(id, scheduler.Scheduled); !j.NotBefore.Equal(before.NotBefore) {
		t.Errorf("a pause was changed with no need, from %s to %s", before.NotBefore, j.NotBefore)
	}

	w.now = w.now.Add(-time.Hour)
	w.round()
	w.now = w.now.Add(12 * time.Second) // 10 s ± 20 %
	w.round()
	w.wantState(id, scheduler.Queued)
	if j := w.wantState(later, scheduler.Scheduled); !j.NotBefore.Equal(j.Submitted.Add(2 * time.Hour)) {
		t.Errorf("what a user asked for was changed to %s", j.NotBefore)
	}
}

// TestRetryBehindManyAfterASetBack: however many jobs wait for times that their users chose, a check
// some minutes later has come by.
func TestRetryBehindManyAfterASetBack(t *testing.T) {
	w := newSetBack(t)
	h := w.host("h1", 1)
	id := w.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 1 })
	w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeFailed})
	w.now = w.now.Add(-time.Hour)
	for range 11 {
		_, err := w.submitN("bob", 1000, func(s *scheduler.Submission) { s.Request.RunAt = w.now.Add(30 * time.Minute) })
		w.must(err)
	}
	w.round()
	w.round()
	w.now = w.now.Add(12 * time.Second)
	w.round()
	w.wantState(id, scheduler.Queued)
}

// TestAvoidedAfterASetBack: a host that gave a job back is asked again at last, also where
// the store's clock was set back meanwhile.
func TestAvoidedAfterASetBack(t *testing.T) {
	w := newSetBack(t)
	h := w.host("h1", 1)
	id := w.submit("ana")
	c := h.take(nil)
	w.must(w.s.Release(w.ctx, scheduler.LeaseRef{Job: id, Fence: c.Fence}, "tried out"))
	_, err := h.claim(scheduler.Choice{Job: id, User: "ana", Devices: []string{h.inv.Devices[0].UUID}})
	w.wantErr(err, scheduler.ErrBusy)
	w.now = w.now.Add(-time.Hour)
	h.join(nil, nil)
	h.take(nil)
	w.wantState(id, scheduler.Leased)
}

// TestCallbackAfterASetBack: the same holds for a callback that was never sent, for the
// pause before it is tried again, and for who took it and says nothing.
func TestCallbackAfterASetBack(t *testing.T) {
	c, timing := newCallbacks(t), scheduler.DefaultTiming()
	setBack := func() {
		t.Helper()
		c.now = c.now.Add(-time.Hour)
		report, err := c.s.Check(c.ctx)
		c.must(err)
		if len(report.Repairs) != 0 {
			t.Errorf("repaired: %v", report.Repairs)
		}
	}
	take := func() scheduler.Job {
		t.Helper()
		job, ok, err := c.s.TakeCallback(c.ctx, 1)
		if c.must(err); !ok {
			t.Fatal("nothing to take")
		}
		return job
	}
	id := c.ended()
	setBack()
	c.wantDue(id)
	take()
	setBack()
	c.wantDue()
	c.now = c.now.Add(3 * timing.CallbackTry)
	c.wantDue(id)
	_, err := c.s.EndCallback(c.ctx, id, take().Callback.Taken, scheduler.CallbackTry{Text: "503"})
	c.must(err)
	setBack()
	c.wantDue()
	c.now = c.now.Add(timing.CallbackPause)
	c.wantDue(id)
}
