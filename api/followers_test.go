package api_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// logReads counts how often a log is read.
type logReads struct {
	store.Store
	n atomic.Int64
}

// Read implements store.Store.
func (s *logReads) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	s.n.Add(int64(len(q.Logs)))
	return s.Store.Read(ctx, q)
}

// TestFollowersShareTheLog: with a hundred readers of all events the log is read as often as
// with one, and each has the events of its user, all of them, once and in order.
func TestFollowersShareTheLog(t *testing.T) {
	t.Parallel()
	const readers, jobs = 100, 20
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	log := &logReads{Store: st}
	w := worldOn(t, log, blobs)
	streams := make([]lines, readers)
	for i := range streams {
		token := w.ana
		if i%2 == 1 {
			token = w.bob
		}
		streams[i] = w.stream("/events", header{"Authorization", "Bearer " + token})
	}
	before := log.n.Load()
	for range jobs {
		w.submit(w.ana, `{"msg":1}`)
		w.submit(w.bob, `{"msg":1}`)
	}
	seen := make([][]string, readers)
	var all sync.WaitGroup
	for i, s := range streams {
		all.Go(func() {
			for len(seen[i]) < jobs {
				id := s.want(t, "id: ")
				seen[i] = append(seen[i], id)
				if data := s.want(t, "data: "); !strings.Contains(data, `"user":"`+[]string{"ana", "bob"}[i%2]+`"`) {
					t.Errorf("reader %d has %s", i, data)
				}
			}
		})
	}
	all.Wait()
	for i := range seen {
		if !slices.Equal(seen[i], seen[i%2]) {
			t.Errorf("reader %d has %s, another of this user %s", i, seen[i], seen[i%2])
		}
	}
	if n := slices.Compact(slices.Clone(seen[0])); len(n) != jobs {
		t.Errorf("%d different events of %d jobs", len(n), jobs)
	}
	// One read for each change at most, and what notices and safety come to.
	if n := log.n.Load() - before; n > 4*jobs {
		t.Errorf("the log was read %d times for %d events", n, 2*jobs)
	}
	resumed := w.stream("/events", header{"Last-Event-ID", strings.TrimPrefix(seen[0][jobs/2-1], "id: ")})
	for _, id := range seen[0][jobs/2:] {
		if got := resumed.want(t, "id: "); got != id {
			t.Errorf("who resumes has %s, want %s", got, id)
		}
	}
}
