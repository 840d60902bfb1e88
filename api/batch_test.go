package api_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// stumbling is a store that goes away after some large commits: with arrive
// it still applies one whose answer is lost.
type stumbling struct {
	store.Store
	takes  atomic.Int64
	arrive bool
}

func (s *stumbling) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if len(c.Effects) < 500 {
		return s.Store.Commit(ctx, c)
	}
	left := s.takes.Add(-1)
	if left >= 0 {
		return s.Store.Commit(ctx, c)
	}
	if s.arrive && left == -1 {
		if _, err := s.Store.Commit(ctx, c); err != nil {
			return store.Result{}, err
		}
	}
	return store.Result{}, fmt.Errorf("%w: the answer was lost", store.ErrUnavailable)
}

// TestARepeatCompletesABatch: a batch that broke off in its middle is
// completed by the same request, and no job of it is there twice.
func TestARepeatCompletesABatch(t *testing.T) {
	t.Parallel()
	const jobs = 2200 // five chunks
	for _, arrive := range []bool{false, true} {
		inner, err := localstore.OpenMemory()
		must(t, err)
		t.Cleanup(func() { _ = inner.Close() })
		folder, err := blob.Open(t.TempDir())
		must(t, err)
		t.Cleanup(func() { _ = folder.Close() })
		st := &stumbling{Store: inner, arrive: arrive}
		w := worldOn(t, st, folder)
		body := `{"jobs":[` + strings.TrimSuffix(strings.Repeat(`{"msg":1},`, jobs), ",") + `]}`
		key := header{"Idempotency-Key", "map"}
		st.takes.Store(2)
		a := w.do(w.ana, "POST", "/jobs/batch", body, key)
		if n := w.count(); a.status != 503 || n < 500 || n >= jobs {
			t.Fatalf("the first try answers %d and leaves %d jobs", a.status, n)
		}
		st.takes.Store(1000)
		var ids, again []scheduler.JobID
		w.ok(w.do(w.ana, "POST", "/jobs/batch", body, key), 201, &ids)
		w.ok(w.do(w.ana, "POST", "/jobs/batch", body, key), 201, &again)
		if n := w.count(); n != jobs || len(ids) != jobs || fmt.Sprint(ids) != fmt.Sprint(again) {
			t.Errorf("%d jobs, %d ids", n, len(ids))
		}
		seen := map[scheduler.JobID]bool{}
		for _, id := range ids {
			seen[id] = true
		}
		if len(seen) != jobs {
			t.Errorf("%d of %d ids are different", len(seen), jobs)
		}
	}
}
