package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/agent/runner"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/internal/pulse"
	"github.com/mlq-dev/mlq/scheduler"
)

// Agent is the daemon of one host. New checks and probes; Run works.
type Agent struct {
	opts         Options
	timing       scheduler.Timing
	now          func() time.Duration // CLOCK_BOOTTIME
	lock         *lockfile.Lock       // of the data folder
	lockDir      string
	spool        string
	runner       string // folder of the runner's Python files
	bootID       string
	seed         uint64 // spreads this host's choices
	devices      []gpu.Device
	environments []scheduler.Environment
	accounts     *accounts
	held         isolation.Place // how control groups hold the jobs here
	barred       barred
	tenants      *tenants
	cache        *cache
	workdirs     *workdirs
	fleet        *fleet
	links        map[string]*link // by UUID
	belief       *belief
	pulse        pulse.Pulse
	away         *away
	wall         *wallClock
	epoch        atomic.Uint64 // of this process, given by Join
	renewing     sync.Mutex    // one renewal or join at a time
	renewAsked   chan struct{} // has a token when a renewal is wanted soon

	// Owned by the claim loop.
	idle      bool
	idleEpoch uint64
	seen      uint64 // the store's revision at the last view
	drained   bool   // an admin closed something here

	// attempts is the context of the attempts: it ends after the claim loop's.
	attempts    context.Context
	stopAll     context.CancelFunc
	attemptsRun sync.WaitGroup
	mu          sync.Mutex
	known       map[scheduler.LeaseRef]*attempt
	changed     chan struct{} // closed and replaced when an attempt moves on
}

// New takes the data folder, finds the devices and probes the environments.
// Close gives the folder back.
func New(ctx context.Context, o Options) (*Agent, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := lockDataDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	a, err := build(ctx, o)
	if err != nil {
		closeLocks([]*lockfile.Lock{lock})
		return nil, err
	}
	a.lock = lock
	return a, nil
}

// Close gives the data folder back. Only after Run has returned.
func (a *Agent) Close() error {
	a.held.Release()
	return a.lock.Close()
}

func build(ctx context.Context, o Options) (*Agent, error) {
	a := &Agent{
		opts: o, timing: o.Scheduler.Timing(), now: boottime.Now, lockDir: o.LockDir,
		away: newAway(), wall: &wallClock{now: o.Clock}, renewAsked: make(chan struct{}, 1), links: map[string]*link{},
		known: map[scheduler.LeaseRef]*attempt{}, changed: make(chan struct{}),
	}
	a.belief = &belief{timing: a.timing}
	h := fnv.New64a()
	fmt.Fprint(h, o.Name)
	a.seed = h.Sum64()
	if err := a.findHost(ctx); err != nil {
		return nil, err
	}
	if err := a.findFolders(); err != nil {
		return nil, err
	}
	a.fleet = newFleet(a.devices, a.now)
	for _, d := range a.devices {
		a.links[d.UUID] = a.newLink(d)
	}
	return a, nil
}

// findHost learns what this host is and has.
func (a *Agent) findHost(ctx context.Context) (err error) {
	if a.bootID, err = boottime.ID(); err != nil {
		return fmt.Errorf("boot id: %w", err)
	}
	if a.accounts, err = newAccounts(a.opts.RunAs); err != nil {
		return err
	}
	if err = a.findIsolation(ctx); err != nil {
		return err
	}
	if a.devices, err = chooseDevices(ctx, a.opts.Provider, a.opts.Devices); err != nil {
		return err
	}
	if len(a.devices) == 0 {
		return errors.New("this host has no device to offer")
	}
	pythons := a.opts.Pythons
	if pythons == nil {
		pythons = pyenv.Guess(os.Getenv("VIRTUAL_ENV"), a.opts.SlotCommand[0])
	}
	var safe safety
	a.environments = pyenv.Probe(ctx, pythons, safe.probeAs(a.accounts))
	if root() && a.accounts.runAs == RunAsSelf {
		safe.refuse(a.environments)
	}
	for _, e := range a.environments {
		if e.Problem != "" {
			a.opts.Log.Warn().Str("environment", e.Name).Msg(e.Problem)
		}
	}
	return nil
}

func (a *Agent) findFolders() error {
	f, err := prepareFolders(a.opts.DataDir)
	if err != nil {
		return err
	}
	if err := a.accounts.reach(f.jobs); err != nil {
		return err
	}
	if a.lockDir == "" {
		if a.lockDir, err = lockfile.Dir(filepath.Join(a.opts.DataDir, "locks")); err != nil {
			return err
		}
	}
	if a.tenants, err = openTenants(filepath.Join(a.opts.DataDir, "tenants")); err != nil {
		return err
	}
	if a.runner, err = runner.Install(f.runner); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	a.spool = f.spool
	a.cache = &cache{dir: f.cache, api: a.opts.API}
	a.workdirs = &workdirs{root: f.jobs}
	return nil
}
