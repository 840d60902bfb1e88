package agent_test

import (
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestContractOverHTTPS: the same, asked of a real server under TLS, also where
// a proxy loses requests and answers and sends requests twice.
func TestContractOverHTTPS(t *testing.T) {
	for name, faults := range map[string]bool{"healthy": false, "lossy": true} {
		for kind, open := range openers {
			t.Run(kind+" "+name, func(t *testing.T) {
				agenttest.Run(t, func(t testing.TB, timing scheduler.Timing) agenttest.World {
					st := open(t)
					users := schedulerOn(t, st, timing)
					h := agenttest.Serve(t, api.Options{Scheduler: users, Store: st, Blobs: folder(t)})
					if faults {
						h.Inject(agenttest.Faults(3, 5))
					}
					return agenttest.World{Users: users, Agent: func(host string) agent.Scheduler { return h.Agent(host) }}
				})
			})
		}
	}
}

func folder(t testing.TB) *blob.Folder {
	t.Helper()
	f, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}
