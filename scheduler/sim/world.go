package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// user is whose all jobs are.
const user = "ana"

// World is a store, a server and some agents, at one moment. It is a value:
// Clone makes another that goes its own way.
type World struct {
	Config

	store   *Store
	base    time.Time     // the store's time when the world began, moved by clock jumps
	elapsed time.Duration // true time since then
	losses  int           // how often the store was lost
	lostAt  time.Duration // when it was last lost
	backup  *Store        // what the store will be after a loss
	old     *Store        // the master before it, where some still reach it; see failover.go

	server  server
	agents  []agent
	pending []pending // commits that are on their way

	submitted map[scheduler.JobID]bool // ids that were given out, lost ones included
	live      []scheduler.JobID        // jobs that the store still has to know
	cancelled map[scheduler.JobID]bool // whose cancel was acknowledged
	accepted  map[scheduler.JobID]uint64
	promised  map[scheduler.JobID]promise
	spared    map[scheduler.JobID]uint64 // fences of attempts that ran when the drain of their host was taken back
	sends     map[scheduler.JobID][]sending
	told      map[scheduler.JobID]told
	broken    error // the first promise that fell
	used      Budgets
	decoded   map[scheduler.JobID]map[string]*scheduler.Job // of all clones: what records of jobs say
}

// Config is what a world is made of and what may befall it.
type Config struct {
	Timing  scheduler.Timing
	Hosts   int
	Devices int // of each host
	Jobs    int
	Limits  Budgets
	Tamper  Tamper
	// Messages: the jobs are messages for one function.
	Messages bool
	// Later: messages are to start when time has passed.
	Later bool
	// NoSelfFence is a fault: slots do not end their process with the belief.
	NoSelfFence bool
	// NoOwnClock is a fault: the reaper trusts the store's clock alone.
	NoOwnClock bool
	// HoldByStore is a fault: the hold-off is counted by the store's clock.
	HoldByStore bool
	// AnyIdentity is a fault of the store.
	AnyIdentity bool
	// NoFence is a fault: agents finish with whatever fence is current.
	NoFence bool
	// NoLock is a fault: agents take every device for locked by themselves.
	NoLock bool
	// NoMinReplicas is a fault: a master that was replaced goes on acknowledging.
	NoMinReplicas bool
	// PerRecord is a fault of the store.
	PerRecord bool
}

// Budgets bound what may happen in one life, so that all lives can be tried.
type Budgets struct {
	Ticks, Crashes, Losses, Backups, Cancels, Delays, Repeats, Jumps, Submits, Drains, Callbacks, Functions int
	// Olds is how often an agent may be served by the master before a failover,
	// Deafs how often an agent starts whose slots do not answer, Forgets how often
	// an admin forgets a host.
	Olds, Deafs, Forgets int
}

// atLeast: of nothing less has been used.
func (b Budgets) atLeast(o Budgets) bool {
	return b.Ticks >= o.Ticks && b.Crashes >= o.Crashes && b.Losses >= o.Losses && b.Backups >= o.Backups &&
		b.Cancels >= o.Cancels && b.Delays >= o.Delays && b.Repeats >= o.Repeats && b.Jumps >= o.Jumps &&
		b.Submits >= o.Submits && b.Drains >= o.Drains && b.Callbacks >= o.Callbacks && b.Functions >= o.Functions &&
		b.Olds >= o.Olds && b.Deafs >= o.Deafs && b.Forgets >= o.Forgets
}

// Tamper changes what a transition reads or commits: the mutants.
type Tamper struct {
	Read   func(op string, q store.Query, a *store.Answer)
	Commit func(op string, s *Store, c *store.Commit)
}

// server is what one `serve` process remembers.
type server struct {
	reaper *scheduler.Reaper
	hold   scheduler.HoldWatch
}

// agent is one host: what its agent process remembers, and what its slots do.
type agent struct {
	name    string
	joined  bool
	epoch   uint64
	claims  int
	stirred bool          // something of its own has happened: the hosts are alike before that
	belief  time.Duration // until when it trusts its leases: from before its last renewal that succeeded
	leases  map[scheduler.JobID]lease
	procs   map[string]process // by device: what its slot runs, whether or not the agent lives
}

// lease is what the agent believes to hold.
type lease struct {
	fence  uint64
	device string
	stage  stage
	sent   bool // its end is on the way: what renewals promise is over
}

type stage string

const (
	won   stage = "won"   // claimed
	runs  stage = "runs"  // handed to the slot
	ended stage = "ended" // the process is gone, the result is on disk
	stops stage = "stops" // cancelled: the process is gone
)

// process is what a slot runs; the device's kernel lock is held while it lives.
type process struct {
	job   scheduler.JobID
	fence uint64
	until time.Duration // the slot ends it then
	over  bool          // it has ended by itself: the result is on disk
}

// promise: an acknowledged renewal keeps the lease for Expire.
type promise struct {
	fence uint64
	until time.Duration
}

// pending is a commit that was sent and has not arrived.
type pending struct {
	op     string
	commit store.Commit
}

// NewWorld gives a world at its beginning: the store adopted, the agents
// joined, the jobs submitted.
func NewWorld(c Config) *World {
	w := &World{
		Config: c, base: time.Unix(1_800_000_000, 0), submitted: map[scheduler.JobID]bool{},
		cancelled: map[scheduler.JobID]bool{}, accepted: map[scheduler.JobID]uint64{},
		promised: map[scheduler.JobID]promise{}, spared: map[scheduler.JobID]uint64{}, sends: map[scheduler.JobID][]sending{}, told: map[scheduler.JobID]told{}, decoded: map[scheduler.JobID]map[string]*scheduler.Job{},
		server: server{reaper: new(scheduler.Reaper)},
	}
	w.store = NewStore("store-0", w.now)
	w.store.AnyIdentity, w.store.PerRecord = c.AnyIdentity, c.PerRecord
	for i := range c.Hosts {
		w.agents = append(w.agents, agent{
			name: fmt.Sprintf("host-%d", i), leases: map[scheduler.JobID]lease{}, procs: map[string]process{},
		})
	}
	for i := range w.agents {
		w.join(i, false)
	}
	for range c.Jobs {
		w.submit(heard)
	}
	w.reap()
	return w
}

func (w *World) now() time.Time { return w.base.Add(w.elapsed) }

// with gives a map with one thing more, and without one with one less: the maps
// of a world are never changed in place, so that clones share them.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	c := make(map[K]V, len(m)+1)
	maps.Copy(c, m)
	c[k] = v
	return c
}

func without[K comparable, V any](m map[K]V, k K) map[K]V {
	if _, has := m[k]; !has {
		return m
	}
	c := maps.Clone(m)
	delete(c, k)
	return c
}

// Clone gives a world that goes its own way from here.
func (w *World) Clone() *World {
	c := *w
	c.store = w.store.Clone(c.now)
	if w.old != nil {
		c.old = w.old.Clone(c.now)
	}
	c.server.reaper = w.server.reaper.Clone()
	c.agents = slices.Clone(w.agents)
	c.pending = slices.Clone(w.pending)
	c.live = slices.Clone(w.live)
	return &c
}

var ctx = context.Background()

// fall notes the first promise that fell.
func (w *World) fall(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

func (w *World) submit(how fate) {
	out, err := w.scheduler("submit", how).Submit(ctx, scheduler.Who{User: user}, []scheduler.Submission{w.submission()}, "")
	if err != nil {
		w.fall("submit: %w", err)
		return
	}
	id := out.IDs[0]
	if w.submitted[id] {
		w.fall("promise 6: id %d was issued twice", id)
	}
	w.submitted = with(w.submitted, id, true)
	w.live = append(w.live, id)
}

// device gives the i-th device of a host.
func device(host string, i int) gpu.Device {
	return gpu.Device{UUID: fmt.Sprintf("SIM-%s-%d", host, i), Index: i, Kind: gpu.KindSim, Model: "sim", Memory: 80 << 30}
}

func (w *World) inventory(a *agent) scheduler.Inventory {
	inv := scheduler.Inventory{
		Host: a.name, BootID: "boot",
		Environments: []scheduler.Environment{{Name: "default", Path: "/python3", Version: "3.11.0"}},
	}
	for i := range w.Devices {
		inv.Devices = append(inv.Devices, scheduler.DeviceReport{Device: device(a.name, i), State: gpu.Free})
	}
	return inv
}
