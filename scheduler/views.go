package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// Views says whose word is taken of a device that several agents list: of one
// machine's agents (mlq agent beside mlq agent --device) each tells of the same
// cards. What lists or counts devices takes each from one view only.
type Views struct {
	shown map[view]bool
	all   map[string][]view // by UUID, the most telling first
}

// view is an agent's report of a device.
type view struct{ host, uuid string }

// seenFrom is what decides between the views of a device.
type seenFrom struct {
	view
	boot   string
	holds  bool // its lease has the device
	silent bool
	state  gpu.State
}

// bestTold orders the states that agents of one machine may tell of a card at the
// same time: who has it before who could take it, before those who only see that
// they cannot.
var bestTold = []gpu.State{gpu.Leased, gpu.Clearing, gpu.Free, gpu.Foreign, gpu.Drained, gpu.Sick, gpu.Unknown}

// ViewsOf looks at all hosts at once. It is pure.
func ViewsOf(hosts []Host, leases []Lease, now time.Time) Views {
	lease := leasesByDevice(leases)
	byUUID := map[string][]seenFrom{}
	for i := range hosts {
		h := &hosts[i]
		for j := range h.Devices {
			d := &h.Devices[j]
			l := lease[d.UUID]
			byUUID[d.UUID] = append(byUUID[d.UUID], seenFrom{
				view: view{h.Host, d.UUID}, boot: h.BootID, holds: l != nil && l.Host == h.Host,
				silent: !h.LeaseUntil.IsZero() && now.After(h.LeaseUntil), state: h.opened(d),
			})
		}
	}
	v := Views{shown: map[view]bool{}, all: map[string][]view{}}
	for uuid, seen := range byUUID {
		slices.SortStableFunc(seen, moreTelling)
		v.choose(uuid, seen)
	}
	return v
}

// choose shows the first view, and of the others those that cannot be of the same device.
func (v *Views) choose(uuid string, seen []seenFrom) {
	var shown []*seenFrom
	for i := range seen {
		s := &seen[i]
		v.all[uuid] = append(v.all[uuid], s.view)
		if !slices.ContainsFunc(shown, func(other *seenFrom) bool { return sameDevice(other, s) }) {
			shown = append(shown, s)
			v.shown[s.view] = true
		}
	}
}

func moreTelling(a, b seenFrom) int {
	return cmp.Or(compareTruth(b.holds, a.holds), compareTruth(a.silent, b.silent), cmp.Compare(slices.Index(bestTold, a.state), slices.Index(bestTold, b.state)))
}

// compareTruth: false comes first.
func compareTruth(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// sameDevice: the views, which name the same UUID, are of one machine. The report of
// a silent agent may be from before the card, or the agent's name, moved. Two agents
// that are heard of, on two machines, cannot have one card: one of them has a copy
// of the other's data folder, and both are shown.
func sameDevice(a, b *seenFrom) bool {
	return a.boot != "" && a.boot == b.boot || HostOf(a.host) == HostOf(b.host) || a.silent || b.silent
}

// opened is the state of a device that an admin may have closed.
func (h *Host) opened(d *DeviceReport) gpu.State {
	if d.State == gpu.Free && (h.Drained || h.DrainedDevices[d.UUID] != "") {
		return gpu.Drained
	}
	return d.State
}

// Shows reports whether the device is listed and counted as the agent tells it.
func (v *Views) Shows(agent, uuid string) bool { return v.shown[view{agent, uuid}] }

// Agents are those that list the device, first the one whose word is taken.
func (v *Views) Agents(uuid string) (agents []string) {
	for _, view := range v.all[uuid] {
		agents = append(agents, view.host)
	}
	return agents
}

// Beside are the other agents that list the device.
func (v *Views) Beside(agent, uuid string) (others []string) {
	for _, other := range v.all[uuid] {
		if other.host != agent {
			others = append(others, other.host)
		}
	}
	return others
}
