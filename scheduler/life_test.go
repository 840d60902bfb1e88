package scheduler_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestOneJobThereAndBack(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	id := w.submit("ana")
	w.wantState(id, scheduler.Queued)
	c := h.take(nil)
	w.wantState(id, scheduler.Leased)
	ref := w.start(c)
	w.wantState(id, scheduler.Running)
	w.must(w.s.Progress(w.ctx, ref, `0.5`))
	if r, err := w.s.Renew(w.ctx, "a", h.epoch, []scheduler.LeaseRef{ref}); err != nil || r.Answers[0].Gone {
		t.Fatalf("renew: %+v, %v", r, err)
	}
	j := w.succeed(ref)
	if j.State != scheduler.Succeeded || j.Result.Short != "1" || len(j.Attempts) != 1 {
		t.Fatalf("finished as %+v", j)
	}
	if again := w.succeed(ref); again.State != scheduler.Succeeded {
		t.Fatalf("repeated finish: %+v", again)
	}
	w.wantErr(w.s.Start(w.ctx, ref), scheduler.ErrStale)
	n, err := w.s.JobCount(w.ctx)
	w.must(err)
	if n[scheduler.Succeeded] != 1 || n[scheduler.Queued] != 0 || n[scheduler.Running] != 0 {
		t.Fatalf("counted %v", n)
	}
	if c := h.choose(nil); c.Kind != scheduler.ChoiceNone {
		t.Fatalf("an empty queue gives %+v", c)
	}
}
