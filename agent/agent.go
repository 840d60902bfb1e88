package agent

import (
	"context"
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
	environments *environments
	accounts     *accounts
	held         isolation.Place // how control groups hold the jobs here
	barred       barred
	tenants      *tenants
	cache        *cache
	workdirs     *workdirs
	fleet        *fleet
	lines        lines
	looks        looks
	wanted       wanted
	driver       driver
	was          kept   // at the start
	relist       token1 // ask for the devices now
	ordered      token1 // ask for the orders of admins now
	obeyed       atomic.Uint64
	belief       *belief
	pulse        pulse.Pulse
	away         *away
	signers      *signers // of jobs
	wall         *wallClock
	epoch        atomic.Uint64 // of this process, given by Join
	renewing     sync.Mutex    // one renewal or join at a time
	unheard      bool          // a join again was sent, and no answer has come; guarded by renewing
	renewAsked   chan struct{} // has a token when a renewal is wanted soon

	// Of Run: crew are the goroutines that end before it does, and lineLife is
	// how long lines are kept and devices looked at.
	crew     sync.WaitGroup
	lineLife context.Context

	grip grip // of the driver

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
	lock, err := lockDataDir(o.DataDir, o.Log)
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
		away: newAway(), wall: &wallClock{now: o.Clock}, renewAsked: make(chan struct{}, 1), relist: newToken(), ordered: newToken(),
		known: map[scheduler.LeaseRef]*attempt{}, changed: make(chan struct{}),
	}
	a.belief, a.signers = &belief{timing: a.timing}, newSigners(&o)
	h := fnv.New64a()
	fmt.Fprint(h, o.Name)
	a.seed = h.Sum64()
	if err := a.findHost(ctx); err != nil {
		return nil, err
	}
	if err := a.findFolders(); err != nil {
		return nil, err
	}
	if err := a.findDevices(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// findDevices learns which devices there are, and what was known of them. A
// driver that cannot tell now may be up in a minute: the agent waits for it. What
// was named and is not there is a mistake, of which the driver is sure.
func (a *Agent) findDevices(ctx context.Context) error {
	a.wanted.names = a.opts.Devices
	var err error
	if a.was, err = a.restore(); err != nil {
		return err
	}
	if a.was.Detached != "" {
		if err := a.letGo(a.was.Detached); err != nil {
			a.opts.Log.Warn().Err(err).Msg("starting all the same, and trying again")
		}
	}
	all, links, err := a.askForDevices(ctx)
	a.driver.can(a.opts.Provider.Info(), links, a.opts.Log) // all health is compared below
	if err != nil {
		a.driver.cannot(err, a.opts.Log)
	} else if err := a.wanted.resolve(all); err != nil {
		return err
	} else {
		a.driver.told()
	}
	a.fleet = newFleet(a.wanted.of(all), a.opts.Tolerate, a.now)
	a.fleet.remember(a.was, a.clock(), err != nil && a.was.ofProvider(a.opts.ProviderKind))
	for _, uuid := range a.fleet.uuids() {
		a.lines.add(a.newLink(uuid))
	}
	if why := a.noDevices(); why != "" {
		a.opts.Log.Warn().Msg(why)
	}
	return nil
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
	pythons := a.opts.Pythons
	if pythons == nil {
		pythons = pyenv.Guess(os.Getenv("VIRTUAL_ENV"), a.opts.SlotCommand[0])
	}
	a.environments = &environments{candidates: pythons, probe: a.askPythons}
	a.logEnvironments(a.environments.ask(ctx))
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
	if a.tenants.damaged != nil {
		a.opts.Log.Error().Err(a.tenants.damaged).Msg("whose jobs ran here before is not known")
	}
	var aside string
	if a.runner, aside, err = runner.Install(f.runner); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	if aside != "" {
		a.opts.Log.Error().Str("kept_as", aside).Msg("the Python files that run jobs were changed: they are put there anew")
	}
	a.spool = f.spool
	a.cache = &cache{dir: f.cache, api: a.opts.API, log: a.opts.Log}
	if err := a.cache.since(a.bootID); err != nil {
		return fmt.Errorf("empty the cache of payloads: %w", err)
	}
	a.workdirs = &workdirs{root: f.jobs, log: a.opts.Log}
	return nil
}
