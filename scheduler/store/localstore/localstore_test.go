package localstore_test

import (
	"context"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

func open(t testing.TB, dir string) *localstore.Store {
	t.Helper()
	s, err := localstore.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openMemory(t testing.TB) *localstore.Store {
	t.Helper()
	s, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContractOnDisk(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Store { return open(t, t.TempDir()) })
}

func TestContractInMemory(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Store { return openMemory(t) })
}

func BenchmarkOnDisk(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) store.Store { return open(t, t.TempDir()) })
}

func BenchmarkInMemory(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) store.Store { return openMemory(t) })
}

// commit applies effects without a guard.
func commit(t testing.TB, s store.Store, effects ...store.Effect) store.Result {
	t.Helper()
	a, err := s.Read(context.Background(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Commit(context.Background(), store.Commit{Identity: a.Identity, Effects: effects})
	if err != nil || !r.OK() {
		t.Fatalf("commit: %+v, %v", r, err)
	}
	return r
}
