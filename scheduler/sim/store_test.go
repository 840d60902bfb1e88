package sim_test

import (
	"os"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

func simulated(t testing.TB) store.Store {
	s := sim.NewStore("a", time.Now)
	s.PerRecord = os.Getenv(perRecord) != "" // a mutant
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) { storetest.Run(t, simulated) }

func TestDifferential(t *testing.T) {
	embedded, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Close() })
	storetest.Differential(t, simulated(t), embedded, 1, 25_000)
}
