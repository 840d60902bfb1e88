package agent

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
)

// How often the provider is asked which devices there are: at its turn, while
// something is not settled, and for how long at most. An event asks at once.
const (
	listEvery  = time.Minute
	listSoon   = 2 * time.Second
	listWithin = 10 * time.Second
	watchAgain = time.Second
)

// deviceLoop is the one place that adds and removes devices. A list that cannot
// be had changes nothing: what the looks say is what is known.
func (a *Agent) deviceLoop(ctx context.Context) {
	for ctx.Err() == nil {
		wait := a.list(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.relist:
		}
		timer.Stop()
	}
}

// list asks for the devices and acts on the answer. It gives the time until it
// is to be asked again.
func (a *Agent) list(ctx context.Context) time.Duration {
	all, links, err := a.askForDevices(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.driver.cannot(err, a.opts.Log)
			a.fleet.news.wake()
		}
		return listSoon
	}
	if a.driver.can(a.opts.Provider.Info(), links, a.opts.Log) {
		a.fleet.restarted(a.clock())
	}
	if err := a.wanted.resolve(all); err != nil {
		a.driver.cannot(err, a.opts.Log)
		return listSoon
	}
	a.driver.told()
	found := a.fleet.listed(a.wanted.of(all), physicalCards(all))
	for _, uuid := range found.lost {
		a.loseDevice(uuid)
	}
	for _, uuid := range found.idle {
		a.dropDevice(ctx, uuid)
	}
	for _, d := range found.added {
		a.openDevice(d)
	}
	if found.unsure || len(all) == 0 {
		return listSoon
	}
	return listEvery
}

func (a *Agent) askForDevices(ctx context.Context) ([]gpu.Device, []gpu.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	all, err := a.opts.Provider.Devices(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("find the devices: %w", err)
	}
	links, err := a.opts.Provider.Links(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("ask how the devices are linked: %w", err)
	}
	return all, links, nil
}

// loseDevice stops the jobs on a device that is gone.
func (a *Agent) loseDevice(uuid string) {
	for _, t := range a.running() {
		for _, held := range t.devices {
			if held == uuid {
				t.lose(fmt.Sprintf("its device %s is gone: %s", uuid, notListed))
			}
		}
	}
}

// dropDevice ends the slot of a device that is gone, on which nothing runs.
func (a *Agent) dropDevice(ctx context.Context, uuid string) {
	l := a.lines.of(uuid)
	if l == nil {
		return
	}
	a.lines.remove(uuid)
	l.stop()
	quitting, cancel := context.WithTimeout(ctx, quitWithin)
	defer cancel()
	l.quit(quitting)
	if err := slot.Retire(quitting, a.slotDir(uuid)); err != nil {
		a.warn(ctx, err, "the slot of a device that is gone stays")
	}
	a.opts.Log.Info().Str("device", uuid).Msg("a device is gone")
}

// openDevice starts what a new device needs: its slot, and the looks at it.
func (a *Agent) openDevice(d gpu.Device) {
	a.opts.Log.Info().Str("device", d.UUID).Str("model", d.Model).Msg("a device appeared")
	l := a.newLink(d.UUID)
	a.lines.add(l)
	a.crew.Go(func() { l.run(a.lineLife) })
	a.watchLine(l)
}

// watchLine starts the looks at the device of a line.
func (a *Agent) watchLine(l *link) {
	ctx, stop := context.WithCancel(a.lineLife)
	l.stop = stop
	a.crew.Go(func() { a.watchDevice(ctx, l.uuid) })
}

// eventLoop takes in what the driver tells unasked. It waits for no answer of
// the driver: what it hears is noted although everything else hangs.
func (a *Agent) eventLoop(ctx context.Context) {
	for ctx.Err() == nil {
		events := a.opts.Provider.Watch(ctx)
		if events == nil {
			return // there will never be any
		}
		for e := range events {
			a.heardOf(e)
			if e.Changed {
				a.relist.wake()
			}
		}
		sleep(ctx, watchAgain)
	}
}

// noDevices says in a few words why there is nothing to offer, "" if there is something.
func (a *Agent) noDevices() string {
	if a.fleet.size() > 0 {
		return ""
	}
	return "waits for devices: " + cmp.Or(a.driver.unlisted(0), listsNone)
}
