package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// ordersEvery is how often it is asked what admins ordered; a notice asks at once.
const ordersEvery = 5 * time.Second

// orderLoop obeys what admins said of the devices here.
func (a *Agent) orderLoop(ctx context.Context) {
	told := troubles{}
	for ctx.Err() == nil {
		switch err := a.obeyAll(ctx); {
		case err == nil:
			clear(told)
		case told.fresh(err.Error(), time.Now()):
			a.warn(ctx, err, "cannot obey the orders of admins, trying again")
		}
		timer := time.NewTimer(ordersEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.ordered:
		}
		timer.Stop()
	}
}

func (a *Agent) obeyAll(ctx context.Context) error {
	orders, err := a.opts.Scheduler.Orders(ctx, a.opts.Name)
	if err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	for _, uuid := range a.fleet.obey(orders) {
		a.opts.Log.Info().Str("device", uuid).Msg("an admin says that a device is well again")
	}
	if err := a.obeyDetach(a.fleet.detachedBy(orders.Detached)); err != nil {
		return err
	}
	if a.obeyed.Swap(orders.Number) != orders.Number {
		a.fleet.news.wake()
	}
	return nil
}

// obeyDetach lets go of the driver, or takes it again. The state is noted before
// the driver is closed and after it was opened: in between nothing is believed.
func (a *Agent) obeyDetach(by string) error {
	if by != "" {
		if a.fleet.setDetached(by) {
			a.grip.hurry()
		}
		return a.letGo(by)
	}
	again, err := a.grip.take(a.opts.Provider.Attach)
	if err != nil {
		return err
	}
	if again {
		a.opts.Log.Info().Msg("has the driver again")
	}
	if a.fleet.setDetached("") {
		a.relist.wake()
	}
	return nil
}

func (a *Agent) letGo(by string) error {
	if !a.grip.loosened {
		a.opts.Log.Warn().Str("by", by).Msg("letting go of the driver: no device gets jobs, what runs goes on")
	}
	return a.grip.letGo(a.opts.Provider.Detach, a.now)
}

// obey takes over what is tolerated, and resets the health of the devices of
// which an admin has said so since. It lists those.
func (f *fleet) obey(o scheduler.Orders) (reset []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		d := f.devices[uuid]
		bytes, ordered := o.Tolerate[uuid]
		if !ordered {
			bytes = f.tolerate
		}
		if bytes != d.evidence.Tolerate {
			f.news.wake() // told also where another order cannot be obeyed
			d.evidence.Tolerate = bytes
		}
		if at := o.Resets[uuid]; at.After(d.obeyed) {
			d.obeyed = at
			d.evidence.Health = d.evidence.Health.Reset()
			d.look.wake()
			f.unkept.wake()
			f.news.wake()
			reset = append(reset, uuid)
		}
		f.decide(d)
	}
	return reset
}

// detachedBy is who took the driver away: there is one, for all devices.
func (f *fleet) detachedBy(orders map[string]string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range slices.Concat([]string{""}, f.order) {
		if by := orders[uuid]; by != "" {
			return by
		}
	}
	return ""
}

// setDetached notes who took the driver away, "" if nobody has, and reports
// whether that is new.
func (f *fleet) setDetached(by string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.detached == by {
		return false
	}
	f.detached = by
	f.unkept.wake()
	f.news.wake()
	for _, d := range f.devices {
		d.evidence.Detached = by
		d.look.wake()
		f.decide(d)
	}
	return true
}
