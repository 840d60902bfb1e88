package sim_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/sim"
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
	"a hold-off by the store's clock": {
		life{config: world(2, 1, 1, sim.Budgets{Jumps: 1, Backups: 1, Losses: 1}), prelude: failedOver, depth: 5},
		"promises 2, 5", func(c *sim.Config) { c.HoldByStore = true },
	},
	"an old master that is acknowledged by no replica": {
		life{config: failover(2, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1, Olds: 1}), prelude: outlived, depth: 7},
		"promises 2, 5", func(c *sim.Config) { c.NoMinReplicas = true },
	},
	"reconcile without the kernel lock": {
		life{config: world(2, 1, 1, sim.Budgets{Crashes: 1, Deafs: 1}), prelude: running, depth: 4},
		"promises 2, 5", func(c *sim.Config) { c.NoLock = true },
	},
	"cancel that loses to a claim": {
		life{config: world(1, 1, 1, sim.Budgets{Cancels: 1, Delays: 1}), depth: 3},
		"promise 4", func(c *sim.Config) { c.Tamper.Commit = noGuard("claim", "live:job:") },
	},
	"versions that start over with each record": {
		life{config: world(2, 1, 2, sim.Budgets{Ticks: 4, Forgets: 1}), prelude: forgotten, depth: 3},
		"promises 2, 5", func(c *sim.Config) { c.PerRecord = true },
	},
	"reap without the guard on the heartbeat": {
		life{config: world(1, 1, 1, sim.Budgets{Ticks: 3, Delays: 1}), prelude: silent, depth: 4},
		"promise 5", func(c *sim.Config) { c.Tamper.Commit = noGuard("reap", "agent:beat:") },
	},
	"claim without the guard on the device": {
		life{config: world(1, 1, 2, sim.Budgets{Delays: 1}), depth: 3},
		"promise 3", func(c *sim.Config) { c.Tamper.Commit = noGuard("claim", "live:dev:") },
	},
	"commits under any identity, close fences": {
		life{config: world(2, 1, 1, sim.Budgets{Ticks: 3, Delays: 1, Backups: 1, Losses: 1}), prelude: lateClaim, depth: 5},
		"promise 2", func(c *sim.Config) { c.AnyIdentity, c.Tamper.Commit = true, closeFences },
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
		"time passes", "time passes", "time passes", "reap")
	outlived  = append(failedOver[:4:4], "time passes", "time passes")
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

// TestVersionsPerRecord: the store's contract refuses versions that start over
// when a record is made again. What falls with them is a mutant's to show.
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
