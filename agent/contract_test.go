package agent_test

import (
	"context"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestContract: the scheduler on the store itself, in memory and on Redis, also
// where answers get lost between it and the store.
func TestContract(t *testing.T) {
	for name, faults := range map[string]bool{"healthy": false, "lossy": true} {
		for kind, open := range openers {
			t.Run(kind+" "+name, func(t *testing.T) {
				agenttest.Run(t, func(t testing.TB, timing scheduler.Timing) agenttest.World {
					st := open(t)
					users := schedulerOn(t, st, timing)
					agents := users
					if faults {
						agents = schedulerOn(t, &storetest.Faulty{Store: st, Inject: storetest.Random(3, 5)}, timing)
					}
					return agenttest.World{Users: users, Agent: func(string) agent.Scheduler { return agents }}
				})
			})
		}
	}
}

// openers open each kind of store, empty.
var openers = map[string]func(testing.TB) store.Store{
	"embedded": func(t testing.TB) store.Store {
		st, err := localstore.Open(context.Background(), t.TempDir())
		return closing(t, st, err)
	},
	"redis": func(t testing.TB) store.Store {
		st, err := redisstore.Open(context.Background(), redistest.Shared(t).URL(redistest.Namespace(t)))
		return closing(t, st, err)
	},
}

func closing(t testing.TB, st store.Store, err error) store.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func schedulerOn(t testing.TB, st store.Store, timing scheduler.Timing) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(st, scheduler.Options{Timing: timing})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
