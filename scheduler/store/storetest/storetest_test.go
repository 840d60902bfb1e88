package storetest_test

import (
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// runs times operations make the 100,000 of a full differential run.
const runs = 4

// TestDifferential: Redis and the embedded store give the same answers.
func TestDifferential(t *testing.T) {
	operations := 25_000
	if testing.Short() {
		operations = 1_500
	}
	for run := range runs {
		t.Run(fmt.Sprint("seed=", run), func(t *testing.T) {
			t.Parallel()
			storetest.Differential(t, onRedis(t), inMemory(t), uint64(run), operations)
		})
	}
}

func onRedis(t *testing.T) store.Store {
	s, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	return opened(t, s, err)
}

func inMemory(t *testing.T) store.Store {
	s, err := localstore.OpenMemory()
	return opened(t, s, err)
}

func opened(t *testing.T, s store.Store, err error) store.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
