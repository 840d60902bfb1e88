package scheduler

import (
	"context"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// An order that closes a device goes to all agents that list it (Reach). One that
// lists it only later is bound here: when it takes its name, before it can claim, and
// when it reports a device that is new. What reopens the device reaches all of them.

// bound remembers the devices that hosts have reported to this process.
type bound struct {
	mu   sync.Mutex
	seen map[string][]string // UUIDs, by host
}

// news reports whether some of these devices were not remembered for the host.
func (b *bound) news(host string, devices []DeviceReport) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(devices, func(d DeviceReport) bool { return !slices.Contains(b.seen[host], d.UUID) })
}

func (b *bound) keep(host string, devices []DeviceReport) {
	uuids := make([]string, len(devices))
	for i := range devices {
		uuids[i] = devices[i].UUID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = map[string][]string{}
	}
	b.seen[host] = uuids
}

// bind closes those of a host's devices that are closed at another agent.
func (s *Scheduler) bind(ctx context.Context, inv *Inventory) error {
	hosts, err := s.hostNames(ctx)
	if err != nil {
		return err
	}
	hosts = slices.DeleteFunc(hosts, func(name string) bool { return name == inv.Host })
	q := store.Query{Keys: []string{keyDrain(inv.Host)}}
	for _, name := range hosts {
		q.Keys = append(q.Keys, keyDrain(name))
	}
	t := transition[struct{}]{name: "bind", patient: true, query: q}
	t.decide = func(f *facts) (plan[struct{}], error) { return decideBind(f, inv, hosts) }
	if _, err := run(ctx, s, t); err != nil {
		return err
	}
	s.bound.keep(inv.Host, inv.Devices)
	return nil
}

// bindAgain is bind once the host lists the devices: an order that was on its way to the
// others meanwhile did not find this one. The next report does what fails.
func (s *Scheduler) bindAgain(ctx context.Context, inv *Inventory) {
	if err := s.bind(ctx, inv); err != nil {
		s.bound.keep(inv.Host, nil)
		s.opts.Log.Warn().Err(err).Str("host", inv.Host).Msg("whether its devices are closed at another agent is looked at later")
	}
}

func decideBind(f *facts, inv *Inventory, hosts []string) (p plan[struct{}], err error) {
	before, version := f.drain(inv.Host)
	after := before.clone()
	for _, name := range hosts {
		var other drainRecord
		theirs, err := f.load(keyDrain(name), &other)
		if err != nil { // it keeps nobody from joining; whoever reads that host is told
			continue
		}
		if after.adopt(&other, inv.Devices) {
			p.guard(store.At(keyDrain(name), theirs)) // it may be reopened just now
		}
	}
	if after.same(&before) {
		return plan[struct{}]{}, nil
	}
	p.guard(store.At(keyDrain(inv.Host), version))
	p.effect(store.Put(keyDrain(inv.Host), encode(after)))
	if len(after.Deadlines) > 0 {
		p.effect(store.Index(keyClosing, []byte(inv.Host)))
	}
	return p, nil
}

// adopt takes over what another record says of these devices, and reports whether
// that was anything new. CPU slots are each agent's own.
func (r *drainRecord) adopt(other *drainRecord, devices []DeviceReport) (some bool) {
	for i := range devices {
		uuid := devices[i].UUID
		by := other.Devices[uuid]
		if devices[i].Kind == gpu.KindCPU || by == "" || r.Devices[uuid] != "" {
			continue
		}
		r.close(uuid, by, other.Deadlines[uuid])
		some = true
	}
	return some
}
