package agent

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// How often the inventory is compared with what was reported last, and sent:
// with news at once, but not more often than newsGap; overGap after a job's end, so
// that a host of many short jobs tells of few of them; with other readings only
// (temperature, memory in use) every readingsEvery; and every reportLeast anyway.
const (
	reportEvery   = 5 * time.Second
	newsGap       = 200 * time.Millisecond
	overGap       = 500 * time.Millisecond
	readingsEvery = 12 * time.Second
	reportLeast   = time.Minute
)

// reportLoop tells the store what this host has, whenever it changed, and now
// and then anyway.
func (a *Agent) reportLoop(ctx context.Context) {
	var last scheduler.Inventory
	var at time.Time
	for ctx.Err() == nil {
		inv := a.inventory()
		if due(last, inv, time.Since(at)) {
			if err := a.opts.Scheduler.Report(ctx, a.opts.Name, a.epoch.Load(), inv); err != nil {
				a.warn(ctx, err, "cannot report the inventory")
			} else {
				last, at = inv, time.Now()
			}
		}
		sleep(ctx, newsGap)
		timer := time.NewTimer(reportEvery - newsGap)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.fleet.news:
		case <-a.fleet.over:
			sleep(ctx, overGap-newsGap)
		}
		timer.Stop()
	}
}

// due is pure: whether an inventory is to be reported so long after the last one.
func due(last, now scheduler.Inventory, age time.Duration) bool {
	switch {
	case age >= reportLeast, differs(last, now):
		return true
	case age < readingsEvery:
		return false
	}
	return !slices.EqualFunc(last.Devices, now.Devices, func(a, b scheduler.DeviceReport) bool { return reflect.DeepEqual(a, b) })
}

// differs: something that people or jobs wait for is another.
func differs(a, b scheduler.Inventory) bool {
	return !slices.EqualFunc(a.Devices, b.Devices, sameReport) || !slices.Equal(a.Accounts, b.Accounts) || a.AccountsByName != b.AccountsByName || !slices.Equal(a.Barred, b.Barred) ||
		a.ClockAhead != b.ClockAhead || !reflect.DeepEqual(a.GPU, b.GPU) || !slices.Equal(a.Links, b.Links) || a.Obeyed != b.Obeyed || a.Unlisted != b.Unlisted || a.Unsigned != b.Unsigned || !reflect.DeepEqual(a.Environments, b.Environments)
}

// sameReport compares what people and jobs wait for; readings are not.
func sameReport(a, b scheduler.DeviceReport) bool {
	for _, r := range []*scheduler.DeviceReport{&a, &b} {
		r.Readings, r.Used = gpu.Readings{}, 0
		if r.State == gpu.Free { // a job came and went in between
			r.Since = time.Time{}
		}
		r.Health.Well, r.Health.Doubted, r.Health.Uncorrected = 0, 0, 0
		r.Foreign = slices.Clone(r.Foreign)
		for i := range r.Foreign {
			r.Foreign[i].Memory = 0
		}
	}
	return reflect.DeepEqual(a, b)
}

// inventory is what this host has now.
func (a *Agent) inventory() scheduler.Inventory {
	devices := a.fleet.report()
	listed, byName := a.accounts.list()
	return scheduler.Inventory{
		Host: a.opts.Name, Version: a.opts.Version, BootID: a.bootID,
		Devices: devices, Environments: a.environments.all(), Labels: a.opts.Labels,
		Isolation: a.isolation(), RunAs: a.accounts.runAs, Accounts: listed, AccountsByName: byName,
		Barred: a.barred.list(time.Now()), ClockAhead: a.wall.difference(),
		GPU: a.driver.info(a.opts.Provider.Info()), Links: a.linksOf(devices), Obeyed: a.obeyed.Load(),
		Unlisted: a.driver.unlisted(len(devices)), Unsigned: a.signers.refused.Load(),
	}
}

func (a *Agent) linksOf(devices []scheduler.DeviceReport) []gpu.Link {
	uuids := map[string]bool{}
	for i := range devices {
		uuids[devices[i].UUID] = true
	}
	return a.driver.linksOf(uuids)
}

// mayEnter reports whether jobs of this unix name may enter the directory.
func (a *Agent) mayEnter(dir, unix string) bool {
	ok := a.accounts.mayEnter(dir, unix)
	a.barred.note(dir, unix, ok, time.Now())
	return ok
}

// hasAccount asks for an account by its name. A directory that does not answer has
// not said that it has none.
func (a *Agent) hasAccount(unix string) bool {
	ok, err := a.accounts.has(unix)
	if err == nil {
		a.barred.note("", unix, ok, time.Now())
	}
	return ok
}

// withoutModules are the environments as a claim needs them.
func withoutModules(all []scheduler.Environment) []scheduler.Environment {
	lean := slices.Clone(all)
	for i := range lean {
		lean[i].Modules = nil
	}
	return lean
}

// offer is what this host has for Pick.
func (a *Agent) offer() scheduler.Offer {
	devices, _ := a.fleet.offered()
	uuids := map[string]bool{}
	for i := range devices {
		uuids[devices[i].UUID] = true
	}
	o := scheduler.Offer{
		Host: a.opts.Name, Devices: devices, Labels: a.opts.Labels, Links: a.driver.linksOf(uuids),
		Environments: withoutModules(a.environments.all()), WorkDirOK: a.mayEnter,
	}
	var byName bool
	if o.Accounts, byName = a.accounts.list(); byName {
		o.AccountOK = a.hasAccount
	}
	return o
}
