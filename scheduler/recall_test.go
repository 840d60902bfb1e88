package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// countingStore counts round trips.
type countingStore struct {
	store.Store
	reads, commits atomic.Int64
}

func (c *countingStore) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	c.reads.Add(1)
	return c.Store.Read(ctx, q)
}

func (c *countingStore) Commit(ctx context.Context, commit store.Commit) (store.Result, error) {
	c.commits.Add(1)
	return c.Store.Commit(ctx, commit)
}

// trips gives the reads and commits that f makes.
func (c *countingStore) trips(f func()) [2]int64 {
	reads, commits := c.reads.Load(), c.commits.Load()
	f()
	return [2]int64{c.reads.Load() - reads, c.commits.Load() - commits}
}

func countedWorld(t *testing.T) (*world, *countingStore) {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	c := &countingStore{Store: st}
	return worldOn(t, c, scheduler.DefaultTiming()), c
}

// other is a second process on the same store.
func (w *world) other() *scheduler.Scheduler {
	w.Helper()
	s, err := scheduler.New(w.st, scheduler.Options{Timing: scheduler.DefaultTiming()})
	w.must(err)
	return s
}

func TestTheStepsOfALeaseReadOnce(t *testing.T) {
	w, c := countedWorld(t)
	h := w.host("lab1", 1)
	id := w.submit("ana")
	claimed := h.take(nil)
	var ref scheduler.LeaseRef
	if n := c.trips(func() { ref = w.start(claimed) }); n != [2]int64{0, 1} {
		t.Errorf("start made %v reads and commits, want none and one", n)
	}
	if n := c.trips(func() { w.succeed(ref) }); n != [2]int64{0, 1} {
		t.Errorf("finish made %v reads and commits, want none and one", n)
	}
	j := w.wantState(id, scheduler.Succeeded)
	a := j.Attempt()
	if a.Started.Before(a.Claimed) || a.Ended.Before(a.Started) || a.Ended.Sub(a.Claimed) > time.Minute {
		t.Errorf("claimed %v, started %v, ended %v", a.Claimed, a.Started, a.Ended)
	}
}

func TestAMemoryIsNeverAnAnswer(t *testing.T) {
	t.Run("cancelled elsewhere before the start", func(t *testing.T) {
		w, _ := countedWorld(t)
		h := w.host("lab1", 1)
		id := w.submit("ana")
		claimed := h.take(nil)
		_, _, err := w.other().Cancel(w.ctx, id, "ana")
		w.must(err)
		err = w.s.Start(w.ctx, scheduler.LeaseRef{Job: id, Fence: claimed.Fence})
		w.wantErr(err, scheduler.ErrCancelled)
	})
	t.Run("started elsewhere", func(t *testing.T) {
		w, _ := countedWorld(t)
		h := w.host("lab1", 1)
		id := w.submit("ana")
		ref := scheduler.LeaseRef{Job: id, Fence: h.take(nil).Fence}
		w.must(w.other().Start(w.ctx, ref)) // the answer was lost, say
		w.must(w.s.Start(w.ctx, ref))
		w.succeed(ref)
		w.wantState(id, scheduler.Succeeded)
	})
	t.Run("released elsewhere before the finish", func(t *testing.T) {
		w, _ := countedWorld(t)
		h := w.host("lab1", 1)
		id := w.submit("ana")
		ref := w.start(h.take(nil))
		w.must(w.other().Release(w.ctx, ref, "test"))
		_, err := w.s.Finish(w.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
		w.wantErr(err, scheduler.ErrStale)
		w.wantState(id, scheduler.Queued)
	})
	t.Run("an old fence", func(t *testing.T) {
		w, _ := countedWorld(t)
		h := w.host("lab1", 1)
		id := w.submit("ana")
		claimed := h.take(nil)
		err := w.s.Start(w.ctx, scheduler.LeaseRef{Job: id, Fence: claimed.Fence - 1})
		w.wantErr(err, scheduler.ErrStale)
		w.start(claimed)
	})
}
