package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestEmbeddedStore: one store, several processes' worth of schedulers on it.
func TestEmbeddedStore(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			st := embedded(t)
			w := &world{t: t, ctx: t.Context(), seed: seed, open: func() store.Store { return st }}
			w.check()
		})
	}
}

// TestRedis: each process has its own connections to a real server, through a
// proxy that drops replies, holds them back and cuts connections.
func TestRedis(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
			url := proxy.URL(redistest.Namespace(t))
			w := &world{t: t, ctx: t.Context(), seed: seed, open: func() store.Store { return onRedis(t, url) }}
			w.trouble = func() func() { return trouble(t, proxy, seed) }
			w.check()
		})
	}
}

func embedded(t *testing.T) store.Store {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func onRedis(t *testing.T, url string) store.Store {
	st, err := redisstore.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// check lives a life, lets all jobs end, and looks at the history.
func (w *world) check() {
	s := w.server()
	w.live()
	last := w.settle()
	if err := linearizable(w.calls, last); err != nil {
		w.t.Fatal(err)
	}
	r, err := s.Check(w.ctx)
	if err != nil || len(r.Repairs) > 0 {
		w.t.Errorf("the store was not consistent: %v %v", r.Repairs, err)
	}
	w.variety()
}

// variety fails a life in which too little happened to prove much.
func (w *world) variety() {
	n, lost := map[string]int{}, 0
	for _, c := range w.calls {
		if c.answer == unknown {
			lost++
		}
		n[fmt.Sprintf("%s: %s", c.kind, c.answer)]++
		if c.answer != ok && c.answer != unknown && !refused[c.answer] {
			w.t.Errorf("an answer that should not be: %s", c)
		}
	}
	w.t.Logf("%d calls on %d jobs: %v", len(w.calls), len(w.jobs), n)
	for _, what := range []string{
		"claim: ok", "claim: busy", "start: ok", "finish: ok", "finish: stale", "cancel: ok", "requeue: ok", "join: ok", "read: ok",
	} {
		if n[what] == 0 {
			w.t.Errorf("no call was a %q", what)
		}
	}
	if lost == 0 {
		w.t.Error("no answer was lost")
	}
}

var refused = func() map[answer]bool {
	out := map[answer]bool{}
	for _, a := range refusals {
		out[a] = true
	}
	return out
}()

// mutants are schedulers with one safeguard taken out. Porcupine must find no
// order for what their clients were answered.
var mutants = map[string]struct {
	broken  broken
	noFence bool
	finds   string // whose history has no order; "": whichever is looked at first
}{
	"finish without a fence": {noFence: true},
	"start that ignores the cancel flag": {
		broken: broken{read: func(k kind, q store.Query, a *store.Answer) {
			if k == start {
				without(q, a, "live:job:", "cr")
			}
		}},
		finds: "job",
	},
	"guards on what is there, not on what was read": {broken: broken{commit: guardNow}},
	"claim that does not look whose a device is": {
		broken: broken{
			read: func(k kind, q store.Query, a *store.Answer) {
				if k == claim {
					without(q, a, "live:dev:", "j")
				}
			},
			commit: func(_ context.Context, k kind, _ store.Store, c *store.Commit) {
				if k == claim {
					c.Guards = slices.DeleteFunc(slices.Clone(c.Guards), func(g store.Guard) bool { return strings.HasPrefix(g.Key, "live:dev:") })
				}
			},
		},
		finds: "device",
	},
}

func TestMutantsAreFound(t *testing.T) {
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(40) {
				m.broken.Store = embedded(t)
				w := &world{t: t, ctx: t.Context(), seed: seed, noFence: m.noFence, open: func() store.Store { return m.broken }}
				w.live()
				err := linearizable(w.calls, w.last())
				if err == nil {
					continue
				}
				if !strings.HasPrefix(err.Error(), m.finds) || !strings.Contains(err.Error(), "no order") {
					t.Fatalf("found otherwise: %v", err)
				}
				t.Logf("seed %d: %v", seed, err)
				return
			}
			t.Fatal("not found in 40 lives")
		})
	}
}

// without takes a field out of the records under some keys.
func without(q store.Query, a *store.Answer, prefix, field string) {
	for i, key := range q.Keys {
		var r map[string]json.RawMessage
		if !strings.HasPrefix(key, prefix) || json.Unmarshal(a.Records[i].Value, &r) != nil {
			continue
		}
		delete(r, field)
		value, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		a.Records[i].Value = value
	}
}

// guardNow guards jobs as they are when the commit is sent.
func guardNow(ctx context.Context, _ kind, s store.Store, c *store.Commit) {
	c.Guards = slices.Clone(c.Guards)
	for i, g := range c.Guards {
		if g.Kind != store.GuardVersion || !strings.HasPrefix(g.Key, "live:job:") {
			continue
		}
		if a, err := s.Read(ctx, store.Query{Keys: []string{g.Key}}); err == nil {
			c.Guards[i].Version = a.Records[0].Version
		}
	}
}
