package scheduler_test

import (
	"fmt"
	"testing"
	"time"

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
	fill(w)

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

// TestSignAllOnAFullStore: a server whose key was changed starts on a full store too, or
// nobody could make room there.
func TestSignAllOnAFullStore(t *testing.T) {
	t.Parallel()
	st, err := redisstore.Open(t.Context(), redistest.Start(t, "--maxmemory", "8mb").URL("n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	old := ringOf("mlq", 1)
	w := worldOn(t, st, scheduler.DefaultTiming()).as(old)
	id := w.submitSigned(aCommand)
	w.must(w.s.ChangeFunctions(w.ctx, "alice", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return []scheduler.Function{{Name: "f"}}, nil
	}))
	fill(w)
	if n, err := w.as(ringOf("mlq", 2, old.First())).s.SignAll(w.ctx, false); err != nil || n != (scheduler.Signing{Signed: n.Signed}) || n.Signed < 2 {
		t.Fatalf("%+v, %v", n, err)
	}
	_, _, err = w.as(ringOf("mlq", 2)).s.SignedJob(w.ctx, id)
	w.must(err)
}

// fill puts records and then jobs until the store takes no more.
func fill(w *world) {
	w.Helper()
	a, err := w.st.Read(w.ctx, store.Query{})
	for i := 0; err == nil; i++ {
		put := store.Put(fmt.Sprintf("live:fill:%d", i), make([]byte, 64<<10))
		_, err = w.st.Commit(w.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{put}})
	}
	w.wantErr(err, store.ErrFull)
	for err = nil; err == nil; { // what a large record no longer fits in, some jobs do
		_, err = w.submitN("ana", 1)
	}
	w.wantErr(err, store.ErrFull)
}
