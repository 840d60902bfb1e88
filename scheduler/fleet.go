package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	// hostMemory is how long a host counts for what can ever run after its
	// last sign of life; Check forgets it then.
	hostMemory = 7 * 24 * time.Hour
	// maxHosts bounds the hosts of a namespace.
	maxHosts = 10_000
)

// everFits checks a host as if all its devices were free and healthy. realElsewhere
// forbids stand-ins.
func everFits(n Need, unix string, h *Host, realElsewhere bool) *misfit {
	o := wholeOffer(h, realElsewhere)
	if m := fitHost(n, unix, &o); m != nil {
		return m
	}
	return enoughFit(n, &o)
}

// unlistedMemory is how long a host that did not know its devices when it was last
// heard of may have them: time for its agent or the machine to be started again.
const unlistedMemory = 10 * time.Minute

// mayHave: the devices are all that a host lacks by m, and which it has its agent
// does not know yet, as while the driver starts. CPU slots are always known.
func (h *Host) mayHave(n Need, m *misfit, now time.Time) bool {
	return h.Unlisted != "" && n.GPUs > 0 && m.step == stepDevices && now.Sub(h.Renewed) < unlistedMemory
}

// wholeOffer is what a host could offer if nothing ran on it.
func wholeOffer(h *Host, realElsewhere bool) Offer {
	o := Offer{
		Host: h.Host, Labels: h.Labels, Environments: h.Environments, Accounts: h.Accounts,
		RealElsewhere: realElsewhere, Links: h.Links,
	}
	if h.AccountsByName { // whether it has one, only the host can tell; until it has, it may
		o.AccountOK = func(unix string) bool { return !slices.Contains(h.Barred, Barred{Unix: unix}) }
	}
	for _, d := range h.Devices {
		o.Devices = append(o.Devices, OfferedDevice{Device: d.Device, Free: true})
	}
	return o
}

// Hosts lists all hosts with their inventories and what is drained, by name.
func (s *Scheduler) Hosts(ctx context.Context) ([]Host, error) {
	names, err := s.hostNames(ctx)
	if err != nil {
		return nil, err
	}
	return s.hostsNamed(ctx, names)
}

func (s *Scheduler) hostsNamed(ctx context.Context, names []string) ([]Host, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var q store.Query
	for _, name := range names {
		q.Keys = append(q.Keys, keyInventory(name), keyBeat(name), keyDrain(name), keyAgent(name), keyOrders(name))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	f := newFacts(q, a)
	hosts := make([]Host, 0, len(names))
	for _, name := range names {
		hosts = append(hosts, readHost(f, name, s.opts.Timing))
	}
	s.damage.tellRecords(&s.opts.Log, f)
	return hosts, nil
}

func (s *Scheduler) hostNames(ctx context.Context) ([]string, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyHosts, Limit: maxHosts}}})
	if err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	names := make([]string, len(a.Ranges[0]))
	for i, m := range a.Ranges[0] {
		names[i] = string(m)
	}
	return names, nil
}

func readHost(f *facts, name string, t Timing) Host {
	inventory, _ := orEmpty[Inventory](f, keyInventory(name))
	inventory.Host = name
	h := Host{Inventory: inventory}
	beat, _ := orEmpty[beatRecord](f, keyBeat(name))
	agent, _ := orEmpty[agentRecord](f, keyAgent(name))
	orders, _ := orEmpty[ordersRecord](f, keyOrders(name)) // which are shown only
	drain, _ := f.drain(name)
	h.Epoch, h.Renewed = agent.Epoch, unstamp(beat.At)
	if !h.Renewed.IsZero() {
		h.LeaseUntil = h.Renewed.Add(t.Expire)
	}
	h.Ordered = orders.ordered()
	h.Drained, h.DrainedBy, h.DrainedDevices = drain.By != "", drain.By, drain.Devices
	for what, d := range drain.Deadlines {
		if h.Deadlines == nil {
			h.Deadlines = make(map[string]Deadline, len(drain.Deadlines))
		}
		h.Deadlines[what] = Deadline{At: unstamp(d.At), Then: d.Then}
	}
	return h
}

// Unreported gives the first of these devices that the host's inventory does
// not have, "" where it has all.
func (s *Scheduler) Unreported(ctx context.Context, host string, uuids []string) (string, error) {
	q := store.Query{Keys: []string{keyInventory(host)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return "", fmt.Errorf("read inventory: %w", err)
	}
	var inv Inventory
	if _, err := newFacts(q, a).load(keyInventory(host), &inv); err != nil {
		return "", fmt.Errorf("read inventory: %w", err)
	}
	for _, uuid := range uuids {
		if !slices.ContainsFunc(inv.Devices, func(d DeviceReport) bool { return d.UUID == uuid }) {
			return uuid, nil
		}
	}
	return "", nil
}
