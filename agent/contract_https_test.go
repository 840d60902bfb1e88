package agent_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
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

// once gives a fault to the first request of a path, and none after it.
func once(path string, fault storetest.Fault) func(*http.Request) storetest.Fault {
	inject := storetest.Once(path, fault)
	return func(r *http.Request) storetest.Fault {
		return inject(r.Context(), storetest.Call{Op: r.URL.Path})
	}
}

// A join whose answer is lost, or that comes twice, comes after itself: it is
// no other process that took the name.
func TestJoinWithAFault(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.LostAnswer, storetest.Repeated} {
		for _, path := range []string{"/agents/h1/join", "/agents/h1/takeover"} {
			st := openers["embedded"](t)
			h := agenttest.Serve(t, api.Options{Scheduler: schedulerOn(t, st, scheduler.DefaultTiming()), Store: st, Blobs: folder(t)})
			h.Inject(once(path, fault))
			a := h.Agent("h1")
			joined, err := a.Join(t.Context(), scheduler.Inventory{Host: "h1"}, nil, nil)
			if err != nil {
				t.Fatalf("%s with fault %d: %v", path, fault, err)
			}
			if _, err := a.Renew(t.Context(), "h1", joined.Epoch, nil); err != nil {
				t.Errorf("%s with fault %d, then renewed: %v", path, fault, err)
			}
		}
	}
}

// Notices go on with the server that comes after another, and begin with one
// for what was missed.
func TestNoticesOfTheNextServer(t *testing.T) {
	t.Parallel()
	st := openers["embedded"](t)
	s := schedulerOn(t, st, scheduler.DefaultTiming())
	h := agenttest.Serve(t, api.Options{Scheduler: s, Store: st, Blobs: folder(t)})
	a := h.Agent("h1")
	if _, err := a.Join(t.Context(), scheduler.Inventory{Host: "h1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	notices, err := a.Notices(t.Context(), "h1")
	if err != nil {
		t.Fatal(err)
	}
	hear := func(what string) {
		t.Helper()
		select {
		case _, open := <-notices:
			if !open {
				t.Fatalf("the notices ended instead of one %s", what)
			}
		case <-time.After(patience):
			t.Fatalf("no notice %s", what)
		}
	}
	hear("at the begin")
	h.Stop()
	h.Start()
	hear("of the next server")
	if _, err := s.Drain(t.Context(), scheduler.Drain{Host: "h1", By: "root"}); err != nil {
		t.Fatal(err)
	}
	hear("that it passes on")
}
