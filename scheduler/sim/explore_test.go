package sim_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// small are the worlds that are tried exhaustively: each has its own kind of trouble.
var small = map[string]struct {
	config sim.Config
	short  int // depth with -short
	depth  int
}{
	"crashes":      {world(2, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1}), 8, 10},
	"delays":       {world(2, 1, 1, sim.Budgets{Ticks: 4, Delays: 1}), 8, 10},
	"cancels":      {world(2, 1, 1, sim.Budgets{Ticks: 3, Cancels: 1, Crashes: 1}), 8, 10},
	"store loss":   {world(2, 1, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), 8, 10},
	"clock jump":   {world(2, 1, 1, sim.Budgets{Ticks: 3, Jumps: 1}), 8, 10},
	"two jobs":     {world(2, 1, 2, sim.Budgets{Ticks: 3, Crashes: 1}), 7, 9},
	"two devices":  {world(1, 2, 2, sim.Budgets{Ticks: 3, Crashes: 1, Cancels: 1}), 7, 9},
	"late commits": {world(2, 1, 2, sim.Budgets{Ticks: 3, Delays: 2}), 6, 8},
}

func world(hosts, devices, jobs int, limits sim.Budgets) sim.Config {
	return sim.Config{Timing: scheduler.DefaultTiming(), Hosts: hosts, Devices: devices, Jobs: jobs, Limits: limits}
}

func TestExhaustive(t *testing.T) {
	for name, c := range small {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := sim.Explorer{Depth: c.depth}
			if testing.Short() {
				e.Depth = c.short
			}
			if f := e.Explore(sim.NewWorld(c.config)); f != nil {
				t.Fatal(f)
			}
			t.Logf("%d states to depth %d", e.States, e.Depth)
		})
	}
}

func TestRandomLives(t *testing.T) {
	lives := 300
	if testing.Short() {
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
