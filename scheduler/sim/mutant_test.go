package sim_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// mutants are schedulers and hosts with one safeguard taken out. Each must
// break a promise in its world, or the exploration proves nothing.
var mutants = map[string]struct {
	life
	promise string // what must fall
	mutate  func(*sim.Config)
}{
	"no fence": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 3}), prelude: endedReaped, depth: 5},
		"promise 2", func(c *sim.Config) { c.NoFence = true },
	},
	"no self-fence": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 3}), prelude: running, depth: 8},
		"promises 2, 5", func(c *sim.Config) { c.NoSelfFence = true },
	},
	"plain fences and a store loss": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 3, Backups: 1, Losses: 1}), prelude: lostHeld, depth: 5},
		"promise 2", func(c *sim.Config) { c.Tamper.Commit = countFences },
	},
	"plain ids and a store loss": {
		life{config: world(1, 1, 1, sim.Budgets{Submits: 1, Backups: 1, Losses: 1}), depth: 4},
		"promise 6", func(c *sim.Config) { c.Tamper.Commit = noJump },
	},
	"no hold-off": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 1, Backups: 1, Losses: 1}), prelude: lostRunning, depth: 5},
		"promises 2, 5", func(c *sim.Config) { c.Tamper.Read = noHoldOff },
	},
	"start that ignores the cancel flag": {
		life{config: world(1, 1, 1, sim.Budgets{Cancels: 1}), prelude: claimed, depth: 3},
		"promise 4", func(c *sim.Config) { c.Tamper.Read = blind("start") },
	},
	"reap without an own clock": {
		life{config: world(2, 1, 1, sim.Budgets{Jumps: 1}), prelude: running, depth: 6},
		"promise 5", func(c *sim.Config) { c.NoOwnClock = true },
	},
	"reap without the guard on the heartbeat": {
		life{config: world(1, 1, 1, sim.Budgets{Ticks: 3, Delays: 1}), prelude: silent, depth: 4},
		"promise 5", func(c *sim.Config) { c.Tamper.Commit = noGuard("reap", "agent:beat:") },
	},
	"claim without the guard on the device": {
		life{config: world(1, 1, 2, sim.Budgets{Delays: 1}), depth: 3},
		"promise 3", func(c *sim.Config) { c.Tamper.Commit = noGuard("claim", "live:dev:") },
	},
	"commits under any identity": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 3, Delays: 1, Backups: 1, Losses: 1}), prelude: lateClaim, depth: 5},
		"promise 2", func(c *sim.Config) { c.AnyIdentity = true },
	},
	"deadline without the guard on the drain": {
		life{config: world(1, 1, 1, sim.Budgets{Ticks: 1, Delays: 1, Drains: 1}), prelude: drained, depth: 4},
		"promise 7", func(c *sim.Config) { c.Tamper.Commit = noGuard("closing", "agent:drain:") },
	},
	"a callback taken without the guard on the job": {
		life{config: world(1, 1, 1, sim.Budgets{Delays: 1, Callbacks: 2}), prelude: finished, depth: 4},
		"promise 8", func(c *sim.Config) { c.Tamper.Commit = noGuardOnTake },
	},
	"submit without the guard on functions": {
		life{config: messages(1, 1, sim.Budgets{Delays: 1, Submits: 1, Functions: 1}), depth: 4},
		"promise 1", func(c *sim.Config) { c.Tamper.Commit = noGuard("submit", "spec:functions:") },
	},
	"promotion without the guard on functions": {
		life{config: later(sim.Budgets{Ticks: 1, Delays: 1, Submits: 1, Functions: 3}), prelude: removed, depth: 4},
		"promise 1", func(c *sim.Config) { c.Tamper.Commit = noGuard("promote", "spec:functions:") },
	},
	"strike-off without the guard on functions": {
		life{config: messages(1, 1, sim.Budgets{Delays: 3, Submits: 1, Functions: 3}), prelude: striking, depth: 4},
		"promise 1", func(c *sim.Config) { c.Tamper.Commit = looseStrike },
	},
	"registration that lists nobody": {
		life{config: messages(1, 1, sim.Budgets{Delays: 1, Functions: 1}), depth: 4},
		"promise 1", func(c *sim.Config) { c.Tamper.Commit = noEffect("functions", "spec:registered") },
	},
	"cancel that requeues": {
		life{config: world(1, 1, 1, sim.Budgets{Ticks: 3, Cancels: 1}), prelude: cancelledSilent, depth: 2},
		"promise 4", func(c *sim.Config) { c.Tamper.Read = blind("reap") },
	},
}

var (
	striking = []string{
		"the function is registered, delayed", "the functions on its way arrives", "promote", "promote, delayed",
		"the function is removed", "submit",
	}
	removed     = append(knownThen[:2:2], "the function is removed", "time passes")
	drained     = append(running[:2:2], "host-0 is closed by a deadline", "time passes")
	endedReaped = append(ended[:3:3], "time passes", "time passes", "time passes", "reap")
	lostHeld    = append(lostEnded[:4:4], "the store is lost, the replica takes over",
		"time passes", "time passes", "time passes")
	lateClaim = []string{"host-0: claim 1, delayed", "replica falls behind here", "host-1: claim 1"}
)

func TestMutantsAreCaught(t *testing.T) {
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !testing.Short() && !underRace {
				if found, _ := m.explore(t, m.depth); found != nil {
					t.Fatalf("the world falls without the mutant: %v", found)
				}
			}
			m.mutate(&m.config)
			found, states := m.explore(t, m.depth)
			if found == nil {
				t.Fatalf("not caught in %d states to depth %d", states, m.depth)
			}
			if !strings.Contains(found.Err.Error(), m.promise) {
				t.Fatalf("caught by another promise: %v", found)
			}
			t.Log(found)
		})
	}
}

// perRecord is set in the process that TestVersionsPerRecord starts.
const perRecord = "SIM_PER_RECORD"

// TestVersionsPerRecord: versions that start over when a record is made again.
// No record that a transition guards is made twice today, so that no promise
// falls with them; the store's contract must refuse such a store all the same.
func TestVersionsPerRecord(t *testing.T) {
	for _, mutant := range []bool{false, true} {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContract$/^repeats$")
		c.Env = append(os.Environ(), perRecord+"=")
		if mutant {
			c.Env = append(os.Environ(), perRecord+"=1")
		}
		out, err := c.CombinedOutput()
		if refused := err != nil && strings.Contains(string(out), "--- FAIL: TestContract/repeats"); refused != mutant {
			t.Errorf("versions per record %v, refused %v: %v\n%s", mutant, refused, err, out)
		}
	}
}

// blind takes the cancel flag out of what one operation reads.
func blind(op string) func(string, store.Query, *store.Answer) {
	return func(doing string, q store.Query, a *store.Answer) {
		for i, key := range q.Keys {
			if doing == op && strings.HasPrefix(key, "live:job:") {
				a.Records[i].Value = without(a.Records[i].Value, "cr")
			}
		}
	}
}

// noGuardOnTake lets a server take a callback from a record that has changed since.
// The commits that record a try have an event, and cannot lose their guard.
func noGuardOnTake(op string, s *sim.Store, c *store.Commit) {
	if !slices.ContainsFunc(c.Effects, func(e store.Effect) bool { return e.Kind == store.EffectNotify }) {
		noGuard("callback", "live:job:")(op, s, c)
	}
}

// noHoldOff takes the end of the hold-off out of the epoch's record.
func noHoldOff(_ string, q store.Query, a *store.Answer) {
	if i := slices.Index(q.Keys, "spec:epoch"); i >= 0 {
		a.Records[i].Value = without(a.Records[i].Value, "h")
	}
}

// noJump takes the million ids out of an adoption.
func noJump(_ string, _ *sim.Store, c *store.Commit) {
	c.Effects = slices.DeleteFunc(slices.Clone(c.Effects), func(e store.Effect) bool {
		return e.Kind == store.EffectAdd && e.Key == "spec:ids"
	})
}

// noGuard takes the guards on some keys out of what one operation commits.
func noGuard(op, prefix string) func(string, *sim.Store, *store.Commit) {
	return func(doing string, _ *sim.Store, c *store.Commit) {
		if doing == op {
			c.Guards = slices.DeleteFunc(slices.Clone(c.Guards), func(g store.Guard) bool {
				return strings.HasPrefix(g.Key, prefix)
			})
		}
	}
}

// countFences makes the fence of a claim one more than the last of the job and
// its devices, as a plain counter in the store would.
func countFences(op string, s *sim.Store, c *store.Commit) {
	if op != "claim" {
		return
	}
	var last uint64
	for _, e := range c.Effects {
		last = max(last, lastFence(s, e.Key))
	}
	c.Effects = slices.Clone(c.Effects)
	for i, e := range c.Effects {
		if e.Kind == store.EffectPut {
			c.Effects[i].Value = withFence(e.Value, last+1)
		}
	}
}

func lastFence(s *sim.Store, key string) uint64 {
	a, err := s.Read(context.Background(), store.Query{Keys: []string{key}})
	if err != nil {
		panic(err)
	}
	var r struct {
		F uint64 `json:"f"`
		A []struct {
			F uint64 `json:"f"`
		} `json:"a"`
	}
	if len(a.Records[0].Value) == 0 || json.Unmarshal(a.Records[0].Value, &r) != nil {
		return 0
	}
	for _, attempt := range r.A {
		r.F = max(r.F, attempt.F)
	}
	return r.F
}

func withFence(value []byte, fence uint64) []byte {
	return edit(value, func(r map[string]any) {
		if _, device := r["f"]; device {
			r["f"] = fence
		}
		if attempts, ok := r["a"].([]any); ok {
			attempts[len(attempts)-1].(map[string]any)["f"] = fence
		}
	})
}

func without(value []byte, field string) []byte {
	return edit(value, func(r map[string]any) { delete(r, field) })
}

// edit changes a JSON record.
func edit(value []byte, change func(map[string]any)) []byte {
	if len(value) == 0 {
		return value
	}
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	var r map[string]any
	if err := d.Decode(&r); err != nil {
		panic(err)
	}
	change(r)
	out, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return out
}

// noEffect takes what an operation does to a key out of its commits.
func noEffect(op, key string) func(string, *sim.Store, *store.Commit) {
	return func(which string, _ *sim.Store, c *store.Commit) {
		if which == op {
			c.Effects = slices.DeleteFunc(slices.Clone(c.Effects), func(e store.Effect) bool { return e.Key == key })
		}
	}
}

// looseStrike strikes a user off the list of those who registered functions, whatever
// was registered since.
func looseStrike(doing string, s *sim.Store, c *store.Commit) {
	if len(c.Effects) == 1 && c.Effects[0].Kind == store.EffectUnindex && c.Effects[0].Key == "spec:registered" {
		noGuard(doing, "spec:functions:")(doing, s, c)
	}
}
