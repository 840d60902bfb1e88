package scheduler_test

import (
	"context"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestLostAnswersOfEach: a real Redis has carried out the commit of a submit, a
// claim, a start and a finish, and the network loses each of the answers. Each
// is done once, and its caller hears so.
func TestLostAnswersOfEach(t *testing.T) {
	proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
	st, err := redisstore.Open(t.Context(), proxy.URL(redistest.Namespace(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	lose := false
	faulty := &storetest.Faulty{Store: st, Inject: func(_ context.Context, c storetest.Call) storetest.Fault {
		if lose && c.Op == "commit" {
			lose = false
			proxy.Lose(1)
		}
		return storetest.Healthy
	}}
	w := worldOn(t, faulty, scheduler.DefaultTiming())
	h := w.host("a", 1)
	lost := func() {
		t.Helper()
		if lose = true; len(proxy.Lost()) > 0 {
			t.Fatal("an answer was lost that nobody noticed")
		}
	}
	dropped := func(what string) {
		t.Helper()
		select {
		case <-proxy.Lost():
		default:
			t.Fatalf("the answer of the %s was not lost", what)
		}
	}

	w.submit("ana") // adopts the store, and takes ids
	h.finishOne()
	lost()
	id := w.submit("ana")
	dropped("submit")
	if n, err := w.s.JobCount(w.ctx); err != nil || n[scheduler.Queued] != 1 {
		t.Fatalf("jobs %v, %v", n, err)
	}
	choice := h.choose(nil)
	lost()
	won, err := h.claim(choice)
	w.must(err)
	dropped("claim")
	lost()
	ref := w.start(won)
	dropped("start")
	lost()
	w.succeed(ref)
	dropped("finish")
	j := w.wantState(id, scheduler.Succeeded)
	if len(j.Attempts) != 1 || j.Attempts[0].Fence != won.Fence || j.Result.Short != "1" {
		t.Errorf("attempts %+v, result %+v", j.Attempts, j.Result)
	}
	w.submit("ana")
	h.finishOne() // the device is free again
	w.clean()
}

func (h *host) finishOne() {
	h.Helper()
	h.succeed(h.start(h.take(nil)))
}
