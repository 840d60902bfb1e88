package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestTwoServersOnOneRedis: submit through one; wait, log and a large result
// through the other.
func TestTwoServersOnOneRedis(t *testing.T) {
	t.Parallel()
	url, folder := redistest.Shared(t).URL(redistest.Namespace(t)), t.TempDir()
	servers := make([]*world, 2)
	for i := range servers {
		st, err := redisstore.Open(t.Context(), url)
		must(t, err)
		t.Cleanup(func() { _ = st.Close() })
		blobs, err := blob.Open(folder)
		must(t, err)
		t.Cleanup(func() { _ = blobs.Close() })
		must(t, api.CheckBlobs(t.Context(), st, blobs))
		servers[i] = worldOn(t, st, blobs, func(o *api.Options) { o.SafetyReread = time.Hour }) // only a notice can wake it
	}
	one, other := servers[0], servers[1]
	id := one.submit(one.ana, `{"msg":1}`)
	lines := other.stream(path(id, "/logs?follow=1"))
	got := make(chan answer, 1)
	go func() { got <- other.do(one.ana, "GET", path(id, "/result?wait=30s"), nil) }()
	l := one.start(id, 0)
	l.put(0, "printed\n")
	lines.want(t, "printed")
	large := strings.Repeat("0123456789", 1<<20)
	l.succeed(envelope.Header{Value: envelope.ValueText, Short: "much"}, view(large))
	select {
	case a := <-got:
		if a.status != 200 || string(a.body) != large {
			t.Errorf("the other server answers %d with %d bytes", a.status, len(a.body))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the other server did not hear of the end")
	}
	lines.wantEnd(t)
}
