package redisstore_test

import (
	"context"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

func open(t testing.TB, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fresh opens a namespace of its own on the shared server.
func fresh(t testing.TB) *redisstore.Store {
	t.Helper()
	return open(t, redistest.Shared(t).URL(redistest.Namespace(t)))
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Store { return fresh(t) })
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) store.Store { return fresh(t) })
}
