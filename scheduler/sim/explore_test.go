package sim_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// small are the worlds that are tried exhaustively. Each has its own kind of
// trouble, and some begin in the middle of a life, so that a few steps reach far.
var small = map[string]life{
	"crashes":            {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1}), depth: 8},
	"cancels":            {config: world(2, 1, 1, sim.Budgets{Ticks: 3, Cancels: 1}), depth: 8},
	"two jobs":           {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Crashes: 1}), depth: 7},
	"two devices":        {config: world(1, 2, 2, sim.Budgets{Ticks: 3, Crashes: 1, Cancels: 1}), depth: 8},
	"late commits":       {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Delays: 2}), depth: 6},
	"running, crashes":   {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1}), prelude: running, depth: 9},
	"running, delays":    {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Delays: 1}), prelude: running, depth: 8},
	"running, loss":      {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), prelude: lostRunning, depth: 8},
	"ended, loss":        {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), prelude: lostEnded, depth: 9},
	"running, jump":      {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Jumps: 1}), prelude: running, depth: 8},
	"silent, late reap":  {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Delays: 1}), prelude: silent, depth: 7},
	"cancelled, silent":  {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Cancels: 1}), prelude: cancelledSilent, depth: 7},
	"submits and a loss": {config: world(1, 1, 1, sim.Budgets{Ticks: 1, Submits: 2, Backups: 1, Losses: 1}), depth: 8},
}

// life is a world and what has happened in it when it is tried.
type life struct {
	config  sim.Config
	prelude []string
	depth   int // three steps less with -short
}

var (
	claimed         = []string{"host-0: claim 1"}
	running         = append(claimed[:1:1], "host-0: start 1")
	ended           = append(running[:2:2], "host-0: the process exits")
	lostRunning     = append([]string{"replica falls behind here"}, running...)
	lostEnded       = append([]string{"replica falls behind here"}, ended...)
	silent          = append(claimed[:1:1], "time passes", "time passes", "time passes")
	cancelledSilent = append(claimed[:1:1], "cancel 1", "time passes", "time passes", "time passes")
)

func world(hosts, devices, jobs int, limits sim.Budgets) sim.Config {
	return sim.Config{Timing: scheduler.DefaultTiming(), Hosts: hosts, Devices: devices, Jobs: jobs, Limits: limits}
}

// explore tries a life exhaustively.
func (l life) explore(t *testing.T, depth int) (*sim.Found, int) {
	t.Helper()
	w := sim.NewWorld(l.config)
	if err := w.Follow(l.prelude...); err != nil {
		return &sim.Found{Path: l.prelude, Err: err}, 0
	}
	e := sim.Explorer{Depth: depth}
	f := e.Explore(w)
	return f, e.States
}

func TestExhaustive(t *testing.T) {
	for name, l := range small {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			depth := l.depth
			if testing.Short() || underRace {
				depth -= 3
			}
			found, states := l.explore(t, depth)
			if found != nil {
				t.Fatal(found)
			}
			t.Logf("%d states to depth %d", states, depth)
		})
	}
}

func TestRandomLives(t *testing.T) {
	lives := 300
	if testing.Short() || underRace {
		lives = 60
	}
	limits := sim.Budgets{Ticks: 200, Crashes: 10, Delays: 20, Cancels: 2, Backups: 3, Losses: 3, Jumps: 1}
	for seed := range lives {
		w := sim.NewWorld(world(3, 2, 6, limits))
		if f := sim.Wander(w, uint64(seed), 200); f != nil {
			t.Fatalf("seed %d: %v", seed, f)
		}
	}
}
