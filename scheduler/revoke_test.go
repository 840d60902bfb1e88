package scheduler_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestRevokeRequeues(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a, b := w.host("a", 1), w.host("b", 1)
	id := w.submit("ana")
	ref := w.start(a.take(nil))
	j, already, err := w.s.Revoke(w.ctx, id, "requeue", "root: needs the host")
	if err != nil || already || j.User != "ana" || j.CancelBy != "root: needs the host" {
		t.Fatalf("%+v %v %v", j, already, err)
	}
	if answer := a.renew(ref).Answers[0]; !answer.Cancel || answer.Then != "requeue" || answer.Why != "root: needs the host" {
		t.Fatalf("%+v", answer)
	}
	w.must(w.s.Release(w.ctx, ref, "root: needs the host"))
	again := w.wantState(id, scheduler.Queued)
	if again.CancelRequested || again.Attempts[0].Cause != "root: needs the host" {
		t.Errorf("queued again as %+v", again)
	}
	w.succeed(w.start(b.take(nil)))
	w.clean()
}

// TestRevokeRefuses: what has no lease has nothing to revoke.
func TestRevokeRefuses(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	revoke := func(id scheduler.JobID, then string) error {
		_, _, err := w.s.Revoke(w.ctx, id, then, "root: why")
		return err
	}
	for _, then := range []string{"cancel", "requeue"} {
		w.wantErr(revoke(99, then), scheduler.ErrNotFound)
		id := w.submit("ana")
		w.wantErr(revoke(id, then), scheduler.ErrNoLease)
		w.wantState(id, scheduler.Queued)
		_, _, err := w.s.Cancel(w.ctx, id, "ana")
		w.must(err)
		w.wantErr(revoke(id, then), scheduler.ErrFinal)
	}
	w.wantErr(revoke(1, "forget"), scheduler.ErrInvalid)
}

// TestRevokeTwice: the first one's words stay, but a cancel goes beyond a requeue.
func TestRevokeTwice(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a := w.host("a", 1)
	id := w.submit("ana")
	ref := w.start(a.take(nil))
	for _, c := range []struct {
		then, by string
		already  bool
		want     string
	}{
		{"requeue", "root: one", false, "root: one"},
		{"requeue", "root: two", true, "root: one"},
		{"cancel", "root: three", false, "root: three"},
		{"requeue", "root: four", true, "root: three"},
		{"cancel", "root: five", true, "root: three"},
	} {
		j, already, err := w.s.Revoke(w.ctx, id, c.then, c.by)
		if err != nil || already != c.already || j.CancelBy != c.want {
			t.Errorf("%s by %s: by %s, already %v, %v", c.then, c.by, j.CancelBy, already, err)
		}
	}
	w.must(w.s.Release(w.ctx, ref, "stopped"))
	if j := w.wantState(id, scheduler.Cancelled); j.Detail != "cancelled by root: three" {
		t.Errorf("ended with %q", j.Detail)
	}
	w.clean()
}
