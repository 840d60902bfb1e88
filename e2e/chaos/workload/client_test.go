package workload

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/internal/boottime"
)

// TestCounted: what Go's client sends again by itself is counted as well, and the last one
// of them is known.
func TestCounted(t *testing.T) {
	t.Parallel()
	var came, second atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if came.Add(1) == 2 { // on a connection that was kept: it breaks before the answer
			second.Store(int64(boottime.Now()))
			panic(http.ErrAbortHandler)
		}
		w.Write([]byte("5")) //nolint:errcheck // the client would fail
	}))
	defer s.Close()
	ctx, requests := counted(t.Context())
	for n, want := range []int64{1, 3} {
		var id int
		q := request{method: http.MethodPost, path: "/jobs", key: "k", body: []byte("{}")}
		if err := (Door{s.URL, s.Client()}).send(ctx, "token", q, &id); err != nil || id != 5 {
			t.Fatal(id, err)
		}
		if got := requests.tries.Load(); got != want {
			t.Errorf("after request %d: sent %d times, want %d", n+1, got, want)
		}
	}
	if last := requests.last.Load(); last <= second.Load() {
		t.Errorf("the last one began at %d, before the one that broke at %d", last, second.Load())
	}
}
