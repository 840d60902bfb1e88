package scheduler_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestFullStore: on a Redis at its memory limit nothing new comes in, and what
// runs goes on and ends: a full store must not cost anybody a result.
func TestFullStore(t *testing.T) {
	t.Parallel()
	st, err := redisstore.Open(t.Context(), redistest.Start(t, "--maxmemory", "8mb").URL("n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	w := worldOn(t, st, scheduler.DefaultTiming())
	h := w.host("h", 3)
	// Three that run, and one that waits.
	var running []scheduler.LeaseRef
	busy := map[string]bool{}
	for range 3 {
		w.submit("ana")
		c := h.take(busy)
		busy[c.Job.Attempt().Devices[0]] = true
		running = append(running, w.start(c))
	}
	waiting := w.submit("ana")
	fill(t, st)

	for err = nil; err == nil; { // what a large record no longer fits in, some jobs do
		_, err = w.submitN("ana", 1)
	}
	w.wantErr(err, store.ErrFull)

	for _, a := range h.renew(running...).Answers {
		if a.Gone {
			t.Errorf("the lease of job %d was lost", a.Ref.Job)
		}
	}
	w.succeed(running[0])
	w.wantState(running[0].Job, scheduler.Succeeded)
	w.must(w.s.Release(w.ctx, running[1], "draining"))
	w.wantState(running[1].Job, scheduler.Queued)
	_, _, err = w.s.Revoke(w.ctx, running[2].Job, "cancel", "by an admin")
	w.must(err)
	w.finish(running[2], scheduler.Finish{Outcome: scheduler.OutcomeCancelled})
	w.wantState(running[2].Job, scheduler.Cancelled)
	_, _, err = w.s.Cancel(w.ctx, waiting, "ana")
	w.must(err)
	w.wantState(waiting, scheduler.Cancelled)
	h.join(nil, func(string) bool { return true }) // a restarted agent too
}

// fill puts records until the store takes no more.
func fill(t *testing.T, st store.Store) {
	t.Helper()
	a, err := st.Read(t.Context(), store.Query{})
	for i := 0; err == nil; i++ {
		put := store.Put(fmt.Sprintf("live:fill:%d", i), make([]byte, 64<<10))
		_, err = st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{put}})
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("filling the store: %v", err)
	}
}
