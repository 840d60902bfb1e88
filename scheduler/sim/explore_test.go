package sim_test

import (
	"flag"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// full is for `make explore`: as deep as the table says. Else one step less, so
// that it takes seconds, and four less where the race detector makes it slow.
var full = flag.Bool("full", false, "explore to full depth (minutes)")

func (l life) howDeep() int {
	switch {
	case testing.Short() || underRace:
		return l.depth - 4
	case *full:
		return l.depth
	}
	return l.depth - 1
}

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // worlds are many, small and short-lived
	os.Exit(m.Run())
}

// small are the worlds that are tried exhaustively. Each has its own kind of
// trouble, and some begin in the middle of a life, so that a few steps reach far.
var small = map[string]life{
	"crashes":             {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1}), depth: 9},
	"cancels":             {config: world(2, 1, 1, sim.Budgets{Ticks: 3, Cancels: 1}), depth: 9},
	"two jobs":            {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Crashes: 1}), depth: 8},
	"two devices":         {config: world(1, 2, 2, sim.Budgets{Ticks: 3, Crashes: 1, Cancels: 1}), depth: 9},
	"late commits":        {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Delays: 2}), depth: 7},
	"lost answers":        {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Repeats: 3, Submits: 1}), depth: 7},
	"all at once":         {config: world(2, 1, 2, sim.Budgets{Ticks: 3, Crashes: 1, Delays: 1, Repeats: 1, Cancels: 1, Backups: 1, Losses: 1}), depth: 6},
	"running, crashes":    {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1}), prelude: running, depth: 10},
	"running, delays":     {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Delays: 1}), prelude: running, depth: 9},
	"running, loss":       {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), prelude: lostRunning, depth: 9},
	"ended, loss":         {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), prelude: lostEnded, depth: 10},
	"running, jump":       {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Jumps: 1}), prelude: running, depth: 9},
	"loss and jump":       {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Jumps: 1, Backups: 1, Losses: 1}), prelude: lostRunning, depth: 8},
	"jump in a hold-off":  {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Jumps: 2, Backups: 1, Losses: 1}), prelude: failedOver, depth: 8},
	"failover":            {config: failover(2, 1, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1, Olds: 3}), prelude: failedOver, depth: 8},
	"failover, jump":      {config: failover(2, 1, sim.Budgets{Ticks: 4, Jumps: 1, Backups: 1, Losses: 1, Olds: 2, Cancels: 1}), prelude: failedOver, depth: 6},
	"failover, two jobs":  {config: failover(2, 2, sim.Budgets{Ticks: 4, Crashes: 1, Delays: 1, Backups: 1, Losses: 1, Olds: 2}), depth: 6},
	"three, crashes":      {config: world(3, 1, 1, sim.Budgets{Ticks: 4, Crashes: 1, Delays: 1}), prelude: running, depth: 7},
	"three, loss":         {config: world(3, 1, 2, sim.Budgets{Ticks: 4, Backups: 1, Losses: 1}), prelude: lostRunning, depth: 7},
	"three, failover":     {config: failover(3, 1, sim.Budgets{Ticks: 4, Jumps: 1, Crashes: 1, Backups: 1, Losses: 1, Olds: 2}), prelude: failedOver, depth: 6},
	"three at once":       {config: failover(3, 2, everything), depth: 5},
	"slots do not answer": {config: world(2, 1, 2, sim.Budgets{Ticks: 4, Crashes: 1, Deafs: 1}), prelude: running, depth: 8},
	"forgotten":           {config: world(2, 1, 2, sim.Budgets{Ticks: 5, Jumps: 1, Delays: 1, Forgets: 1}), prelude: forgotten, depth: 6},
	"silent, late reap":   {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Delays: 1}), prelude: silent, depth: 8},
	"cancelled, silent":   {config: world(2, 1, 1, sim.Budgets{Ticks: 4, Cancels: 1}), prelude: cancelledSilent, depth: 9},
	"running, drain":      {config: world(2, 1, 1, sim.Budgets{Ticks: 2, Delays: 1, Drains: 1}), prelude: running, depth: 9},
	"drains":              {config: world(2, 1, 2, sim.Budgets{Ticks: 2, Crashes: 1, Drains: 2}), depth: 8},
	"callbacks":           {config: world(1, 1, 1, sim.Budgets{Ticks: 2, Delays: 1, Repeats: 1, Callbacks: 3}), prelude: finished, depth: 8},
	"callbacks, cancels":  {config: world(1, 1, 1, sim.Budgets{Ticks: 2, Crashes: 1, Delays: 1, Cancels: 1, Callbacks: 2}), prelude: running, depth: 8},
	"functions":           {config: messages(1, 1, sim.Budgets{Ticks: 1, Delays: 1, Repeats: 1, Functions: 3}), prelude: known, depth: 8},
	"functions, time":     {config: later(sim.Budgets{Ticks: 1, Delays: 2, Submits: 1, Functions: 3}), prelude: knownThen, depth: 7},
	"functions, submits":  {config: messages(1, 1, sim.Budgets{Delays: 2, Submits: 2, Functions: 2}), depth: 7},
	"functions, cancel":   {config: messages(1, 1, sim.Budgets{Cancels: 1, Delays: 1, Crashes: 1, Functions: 3}), prelude: known, depth: 8},
	"submits and a loss":  {config: world(1, 1, 1, sim.Budgets{Ticks: 1, Submits: 2, Backups: 1, Losses: 1}), depth: 9},
}

// life is a world and what has happened in it when it is tried.
type life struct {
	config  sim.Config
	prelude []string
	depth   int // with -full
}

var (
	known       = []string{"the function is registered"}
	knownThen   = append(known[:1:1], "submit")
	claimed     = []string{"host-0: claim 1"}
	running     = append(claimed[:1:1], "host-0: start 1")
	ended       = append(running[:2:2], "host-0: the process exits")
	finished    = append(ended[:3:3], "host-0: finish 1")
	lostRunning = append([]string{"replica falls behind here"}, running...)
	failedOver  = append(lostRunning[:3:3], "the store is lost, the replica takes over")
	passed      = []string{"time passes", "time passes", "time passes"}
	forgotten   = slices.Concat(running, []string{"reap"}, ended[2:], finished[3:], passed, []string{
		"host-0 is forgotten", "host-0: renew", "host-0: join", "host-1: renew", "host-0: claim 2", "host-0: start 2",
	})
	lostEnded       = append([]string{"replica falls behind here"}, ended...)
	silent          = append(claimed[:1:1], "time passes", "time passes", "time passes")
	cancelledSilent = append(claimed[:1:1], "cancel 1", "time passes", "time passes", "time passes")
)

// everything that may befall a world, once.
var everything = sim.Budgets{
	Ticks: 4, Crashes: 1, Delays: 1, Repeats: 1, Cancels: 1, Backups: 1, Losses: 1, Olds: 2, Jumps: 1, Deafs: 1,
}

// failover is a world whose master goes on acknowledging, for MaxLag, after it was replaced.
func failover(hosts, jobs int, limits sim.Budgets) sim.Config {
	c := world(hosts, 1, jobs, limits)
	c.Timing.HoldOff += sim.MaxLag
	return c
}

func world(hosts, devices, jobs int, limits sim.Budgets) sim.Config {
	return sim.Config{Timing: scheduler.DefaultTiming(), Hosts: hosts, Devices: devices, Jobs: jobs, Limits: limits}
}

// messages is a world with one host of one device, whose jobs are messages.
func messages(hosts, jobs int, limits sim.Budgets) sim.Config {
	c := world(hosts, 1, jobs, limits)
	c.Messages = true
	return c
}

// later is one whose messages are to start when time has passed.
func later(limits sim.Budgets) sim.Config {
	c := messages(1, 1, limits)
	c.Later = true
	return c
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
			depth := l.howDeep()
			found, states := l.explore(t, depth)
			if found != nil {
				t.Fatal(found)
			}
			t.Logf("%s: %d states, %d steps deep", name, states, depth)
		})
	}
}

func TestRandomLives(t *testing.T) {
	lives := 300
	if testing.Short() || underRace {
		lives = 30
	}
	limits := sim.Budgets{Ticks: 200, Crashes: 10, Delays: 20, Repeats: 20, Cancels: 2, Backups: 3, Losses: 3, Olds: 10, Deafs: 3, Jumps: 5, Drains: 10, Callbacks: 10}
	for seed := range lives {
		c := failover(3, 6, limits)
		c.Devices = 2
		w := sim.NewWorld(c)
		if f := sim.Wander(w, uint64(seed), 200); f != nil {
			t.Fatalf("seed %d: %v", seed, f)
		}
	}
}
