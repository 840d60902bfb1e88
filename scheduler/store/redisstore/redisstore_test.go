package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Store { return fresh(t) })
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) store.Store { return fresh(t) })
}

// fresh opens a namespace of its own on the shared server.
func fresh(t testing.TB) *redisstore.Store {
	t.Helper()
	return open(t, redistest.Shared(t).URL(redistest.Namespace(t)))
}

func open(t testing.TB, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// admin is a client that does to a server what its operator might.
func admin(t testing.TB, s *redistest.Server, line ...any) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer client.Close()
	if err := client.Do(context.Background(), line...).Err(); err != nil {
		t.Fatalf("%v: %v", line, err)
	}
}

// soon is a context that ends a test which hangs.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func read(t testing.TB, s store.Store, keys ...string) store.Answer {
	t.Helper()
	a, err := s.Read(soon(t), store.Query{Keys: keys, Counters: []string{"counter"}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// counting is a commit that counts once: it makes a record that must not exist.
func counting(identity, mark string) store.Commit {
	return store.Commit{
		Identity: identity,
		Guards:   []store.Guard{store.Absent(mark)},
		Effects:  []store.Effect{store.Put(mark, nil), store.Add("counter", 1)},
	}
}

func commit(t testing.TB, s store.Store, c store.Commit) store.Result {
	t.Helper()
	r, err := s.Commit(soon(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
