package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

func TestForget(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := worldOn(t, sim.NewStore("store", func() time.Time { return now }), scheduler.DefaultTiming())
	h := w.host("a", 1)
	ana, root := scheduler.Who{User: "ana"}, scheduler.Who{User: "root", Admin: true}
	forget := func(who scheduler.Who, id scheduler.JobID, before time.Time) (forgot, followed bool) {
		t.Helper()
		forgot, followed, err := w.s.Forget(w.ctx, who, id, before)
		w.must(err)
		return forgot, followed
	}
	first := w.submit("ana")
	follower := w.submit("ana", func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{first} })
	later := now.Add(time.Hour)
	ref := w.start(h.take(nil))
	if forgot, _ := forget(root, first, later); forgot {
		t.Fatal("a job that runs was forgotten")
	}
	w.succeed(ref)
	if forgot, followed := forget(ana, first, later); forgot || !followed {
		t.Fatalf("a job that is followed: forgot %v, followed %v", forgot, followed)
	}
	w.wantState(first, scheduler.Succeeded)
	other := w.submit("ana")
	if forgot, followed := forget(ana, other, later); forgot || followed {
		t.Fatal("a job that waits was forgotten")
	}
	_, _, err := w.s.Cancel(w.ctx, other, "ana")
	w.must(err)
	if forgot, _ := forget(ana, other, now); forgot {
		t.Error("one that ended just now was forgotten")
	}
	_, _, err = w.s.Forget(w.ctx, scheduler.Who{User: "bob"}, other, later)
	w.wantErr(err, scheduler.ErrNotFound)
	if forgot, _ := forget(root, other, later); !forgot {
		t.Error("an admin could not forget it")
	}
	_, err = w.s.Job(w.ctx, other)
	w.wantErr(err, scheduler.ErrNotFound)
	if forgot, followed := forget(ana, other, later); forgot || followed {
		t.Error("one that is gone was forgotten again")
	}
	w.wantState(follower, scheduler.Scheduled)
	w.clean()
}
