package agent

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
)

// How often devices are looked at, and reported at most and at least.
const (
	sampleEvery = 2 * time.Second
	reportEvery = 5 * time.Second
	reportLeast = time.Minute
)

// sampleLoop looks at all devices, so that the inventory is true.
func (a *Agent) sampleLoop(ctx context.Context) {
	for ctx.Err() == nil {
		a.sampleDevices(ctx)
		sleep(ctx, sampleEvery)
	}
}

func (a *Agent) sampleDevices(ctx context.Context) {
	for _, d := range a.devices {
		a.sample(ctx, d.UUID)
	}
	for _, uuid := range a.fleet.locked() {
		if l, err := lockfile.Acquire(lockfile.Path(a.lockDir, uuid)); err == nil {
			closeLocks([]*lockfile.Lock{l})
			a.fleet.setLocked(uuid, false)
		}
	}
}

// sample looks at one device now. What the driver says instead of an answer is
// a sample too.
func (a *Agent) sample(ctx context.Context, uuid string) gpu.Verdict {
	s, err := a.opts.Provider.Sample(ctx, uuid)
	if err != nil {
		s = gpu.Sample{UUID: uuid, At: boottime.Now(), Err: err.Error()}
	}
	return a.fleet.saw(uuid, s)
}

// reportLoop tells the store what this host has, whenever it changed, and now
// and then anyway.
func (a *Agent) reportLoop(ctx context.Context) {
	var last scheduler.Inventory
	var at time.Time
	for ctx.Err() == nil {
		inv := a.inventory()
		if time.Since(at) >= reportLeast || differs(last, inv) {
			if err := a.opts.Scheduler.Report(ctx, a.opts.Name, a.epoch.Load(), inv); err != nil {
				a.warn(ctx, err, "cannot report the inventory")
			} else {
				last, at = inv, time.Now()
			}
		}
		sleep(ctx, reportEvery)
	}
}

// differs: something that people or jobs wait for is another.
func differs(a, b scheduler.Inventory) bool {
	return !slices.EqualFunc(a.Devices, b.Devices, sameReport) || !slices.Equal(a.Accounts, b.Accounts) || !slices.Equal(a.Barred, b.Barred) ||
		a.ClockAhead != b.ClockAhead
}

// sameReport compares what people and jobs wait for; readings are not.
func sameReport(a, b scheduler.DeviceReport) bool {
	a.Readings, b.Readings = gpu.Readings{}, gpu.Readings{}
	return reflect.DeepEqual(a, b)
}

// inventory is what this host has now.
func (a *Agent) inventory() scheduler.Inventory {
	return scheduler.Inventory{
		Host: a.opts.Name, Version: a.opts.Version, BootID: a.bootID,
		Devices: a.fleet.report(), Environments: a.environments, Labels: a.opts.Labels,
		Isolation: a.isolation(), RunAs: a.accounts.runAs, Accounts: a.accounts.list(),
		Barred: a.barred.list(time.Now()), ClockAhead: a.wall.difference(),
	}
}

// mayEnter reports whether jobs of this unix name may enter the directory.
func (a *Agent) mayEnter(dir, unix string) bool {
	ok := a.accounts.mayEnter(dir, unix)
	a.barred.note(dir, unix, ok, time.Now())
	return ok
}

// offer is what this host has for Pick.
func (a *Agent) offer() scheduler.Offer {
	devices, _ := a.fleet.offered()
	return scheduler.Offer{
		Host: a.opts.Name, Devices: devices, Labels: a.opts.Labels,
		Environments: a.environments, Accounts: a.accounts.list(), WorkDirOK: a.mayEnter,
	}
}
