package localstore_test

import (
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestSnapshots copies each kind of store into each.
func TestSnapshots(t *testing.T) {
	embedded := func(t testing.TB) store.Store {
		st, err := localstore.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	redis := func(t testing.TB) store.Store {
		st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	t.Run("embedded to embedded", func(t *testing.T) { storetest.Snapshots(t, embedded, embedded) })
	t.Run("embedded to Redis", func(t *testing.T) { storetest.Snapshots(t, embedded, redis) })
	t.Run("Redis to Redis", func(t *testing.T) { storetest.Snapshots(t, redis, redis) })
	t.Run("Redis to embedded", func(t *testing.T) { storetest.Snapshots(t, redis, embedded) })
}
