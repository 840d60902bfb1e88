package workload

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestCounted: what Go's client sends again by itself is counted as well.
func TestCounted(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if came.Add(1) == 2 { // on a connection that was kept: it breaks before the answer
			panic(http.ErrAbortHandler)
		}
		w.Write([]byte("5")) //nolint:errcheck // the client would fail
	}))
	defer s.Close()
	ctx, tries := counted(t.Context())
	for n, want := range []int64{1, 3} {
		var id int
		q := request{method: http.MethodPost, path: "/jobs", key: "k", body: []byte("{}")}
		if err := (Door{s.URL, s.Client()}).send(ctx, "token", q, &id); err != nil || id != 5 {
			t.Fatal(id, err)
		}
		if got := tries.Load(); got != want {
			t.Errorf("after request %d: sent %d times, want %d", n+1, got, want)
		}
	}
}
