package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// loop finds one loop's numbers.
func (w *world) loop(name string) scheduler.Loop {
	w.Helper()
	for _, l := range w.s.Stats().Loops {
		if l.Name == name {
			return l
		}
	}
	return scheduler.Loop{}
}

// TestStatsOfTheLoops: what the loops do is counted, by what became of the jobs.
func TestStatsOfTheLoops(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming().Scale(100)).running() // a silent agent's lease lasts 0.75 s
	requeued, cancelled := w.submit("ana"), w.submit("ana")
	w.submit("ana", func(s *scheduler.Submission) { s.Request.QueueTimeout = time.Millisecond })
	now, err := w.s.Now(w.ctx)
	w.must(err)
	forgotten := w.submit("ana", func(s *scheduler.Submission) {
		s.Request.RunAt, s.Request.ResultTTL = now.Add(20*time.Millisecond), time.Millisecond
	})
	w.until("the times came", func() bool { p := w.s.Stats().Promoted; return p[scheduler.Queued] == 1 && p[scheduler.Failed] == 1 })
	h := w.host("a", 2) // silent from now on
	w.start(h.take(nil))
	h.take(map[string]bool{"GPU-a-0": true})
	_, _, err = w.s.Cancel(w.ctx, cancelled, "ana")
	w.must(err)
	w.until("the leases of the silent agent ended", func() bool {
		r := w.s.Stats().Reaped
		return r[scheduler.Queued] == 1 && r[scheduler.Cancelled] == 1
	})
	w.wantState(requeued, scheduler.Queued)
	_, _, err = w.s.Cancel(w.ctx, forgotten, "ana")
	w.must(err)
	w.until("it is forgotten", func() bool { return w.s.Stats().Purged == 1 })
	w.until("all loops go round", func() bool {
		for _, name := range []string{"adopt", "promote", "reap", "check"} {
			if l := w.loop(name); l.Rounds < 2 || l.Errors > 0 || time.Since(l.Succeeded) > 10*time.Second {
				return false
			}
		}
		return true
	})
	if n := w.s.Stats().Repaired; n != 0 {
		t.Errorf("%d repairs in a healthy store", n)
	}
}

// TestStatsOfFailingLoops: a loop that fails is counted, and its last success gets older.
func TestStatsOfFailingLoops(t *testing.T) {
	w := newWorld(t, fast()).running()
	w.until("the loop goes round", func() bool { return w.loop("promote").Rounds > 1 })
	w.must(w.st.Close())
	w.until("it fails", func() bool { return w.loop("promote").Errors > 1 })
	before := w.loop("promote")
	w.until("it goes on failing", func() bool { return w.loop("promote").Errors > before.Errors })
	if after := w.loop("promote"); !after.Succeeded.Equal(before.Succeeded) || after.Rounds <= before.Rounds {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// TestStatsOfRepairs counts what a check puts right.
func TestStatsOfRepairs(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.host("a", 1)
	a, err := w.st.Read(w.ctx, store.Query{})
	w.must(err)
	_, err = w.st.Commit(w.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{
		store.Put("live:dev:GPU-a-0", []byte(`{"j":7,"f":5,"h":"a"}`)),
	}})
	w.must(err)
	_, err = w.s.Check(w.ctx)
	w.must(err)
	if n := w.s.Stats().Repaired; n != 1 {
		t.Errorf("%d repairs were counted", n)
	}
}
