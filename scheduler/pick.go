package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pick chooses what an offer runs next, or whether its free devices are kept
// for a job that needs several. It is pure. The order is priority, then the
// user who holds fewest devices, then the fair rank, then arrival. Where other
// hosts are idle too, seed makes them start at different candidates.
func Pick(v View, o Offer, now time.Time, seed uint64) Choice {
	p := newPicker(v, o, now)
	if len(p.cands) == 0 {
		return Choice{Kind: ChoiceNone, Reason: p.reason()}
	}
	hold := p.gang()
	runs := p.order(hold)
	if len(runs) == 0 {
		if hold != nil {
			return hold.choice()
		}
		return Choice{Kind: ChoiceNone, Reason: p.reason()}
	}
	if i := p.overdue(runs); i >= 0 {
		runs = slices.Concat(runs[i:i+1], runs[:i], runs[i+1:])
	} else {
		runs = rotate(runs, p.start(len(runs), seed))
	}
	first := runs[0]
	first.Next = scatter(runs[1:], first.Priority, seed)
	return first
}

// scattered is how many of the next candidates change places.
const scattered = 16

// scatter turns the next few candidates of the first one's priority by seed:
// hosts that met at one job should not meet again at the following.
func scatter(next []Choice, priority int, seed uint64) []Choice {
	n := 0
	for n < len(next) && n < scattered && next[n].Priority == priority {
		n++
	}
	if n < 2 {
		return next
	}
	return slices.Concat(rotate(next[:n], int(seed%uint64(n))), next[n:])
}

// picker is one decision's working state.
type picker struct {
	view  View
	offer Offer
	now   time.Time
	cands []candidate
	why   map[string]int // reasons of those that do not fit, counted
}

// candidate is an entry that this host could run, now or once more devices are free.
type candidate struct {
	Entry
	need    Need
	devices []string // that it would take now; nil: too few are free
	turn    uint64   // its rank above the first of its class and priority
}

func newPicker(v View, o Offer, now time.Time) *picker {
	o.RealElsewhere = o.RealElsewhere || v.RealElsewhere
	p := &picker{view: v, offer: o, now: now, why: make(map[string]int)}
	if v.Drained != "" {
		p.why["this host is drained: "+v.Drained]++
		return p
	}
	p.offer.Devices = undrained(o.Devices, v.DrainedDevices)
	fit := newFitter(&p.offer)
	p.cands = make([]candidate, 0, len(v.Entries))
	for _, e := range v.Entries {
		need, devices, m := fit.entry(&e)
		if m != nil && !m.later {
			p.why[m.text]++
			continue
		}
		if !e.allowed(v.Held[e.User]) {
			p.why[fmt.Sprintf("%s holds %d of at most %d devices", e.User, v.Held[e.User], e.MaxDevices)]++
			continue
		}
		p.cands = append(p.cands, candidate{Entry: e, need: need, devices: devices})
	}
	p.setTurns()
	return p
}

// undrained leaves out the devices that an admin closed.
func undrained(devices []OfferedDevice, drained map[string]string) []OfferedDevice {
	if len(drained) == 0 {
		return devices
	}
	return slices.DeleteFunc(slices.Clone(devices), func(d OfferedDevice) bool { return drained[d.UUID] != "" })
}

// setTurns makes the ranks of different classes comparable: what counts is how
// far an entry is behind the first of its class and priority.
func (p *picker) setTurns() {
	type line struct {
		class    string
		priority int
	}
	first := make(map[line]uint64)
	for i := range p.cands {
		l := line{p.cands[i].Class, p.cands[i].Priority}
		if r, ok := first[l]; !ok || p.cands[i].Rank < r {
			first[l] = p.cands[i].Rank
		}
	}
	for i := range p.cands {
		p.cands[i].turn = p.cands[i].Rank - first[line{p.cands[i].Class, p.cands[i].Priority}]
	}
}

// order gives those that can run now, in the order in which they would be
// taken if each of them got its devices in turn. Where devices are held for a
// job, only those may pass that leave them free or are over in time.
func (p *picker) order(hold *held) []Choice {
	var ready []*candidate
	for i := range p.cands {
		if c := &p.cands[i]; c.devices != nil && hold.mayPass(c, p.now) {
			ready = append(ready, c)
		}
	}
	return takeTurns(ready, p.view.Held)
}

// start is where in the order this host begins: as many candidates as there
// are idle hosts are all about to be placed, so each may begin at any of them,
// and they rarely meet.
func (p *picker) start(n int, seed uint64) int {
	window := min(uint64(max(p.view.Idle, 1)), uint64(n), 1024)
	return int(seed % window)
}

func rotate(runs []Choice, start int) []Choice {
	return append(slices.Clone(runs[start:]), runs[:start]...)
}

// reason sums up why nothing of the view runs here.
func (p *picker) reason() string {
	switch {
	case len(p.why) == 0 && len(p.cands) == 0 && p.view.OnHold > 0:
		return "the store changed: older jobs wait out the hold-off"
	case len(p.why) == 0 && len(p.cands) == 0:
		return "no jobs wait for this host"
	case len(p.why) == 0:
		return "too few devices are free"
	}
	reasons := sortedKeys(p.why)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(p.why[b], p.why[a]) })
	return strings.Join(reasons[:min(len(reasons), 3)], "; ")
}
