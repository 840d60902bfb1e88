package agent

import (
	"slices"

	"github.com/mlq-dev/mlq/gpu"
)

// goneAfter is how many lists in a row a device must be missing from before its
// job is stopped. It gets no new job after the first.
const goneAfter = 2

// listing is what a list of the provider's changed.
type listing struct {
	added  []gpu.Device // a slot is to be started for each
	idle   []string     // gone, nothing of ours on it, and let go of: its slot is to end
	lost   []string     // gone for certain, and under a lease
	unsure bool         // a device is missing for the first time: ask again soon
}

// listed compares what is known with a list: those that are wanted, and the
// physical cards of all.
func (f *fleet) listed(devices []gpu.Device, cards map[string]bool) (l listing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var order []string
	for _, d := range devices {
		order = append(order, d.UUID)
		known := f.devices[d.UUID]
		if known == nil {
			known = f.add(d)
			l.added = append(l.added, d)
			f.unkept.wake()
			f.news.wake()
		}
		if known.Device != d || known.remembered {
			f.unkept.wake()
			f.news.wake()
		}
		if known.missing > 0 {
			known.look.wake()
		}
		known.Device, known.missing, known.remembered = d, 0, false
	}
	for _, uuid := range f.order {
		if !slices.Contains(order, uuid) && f.missed(uuid, cards, &l) {
			order = append(order, uuid)
		}
	}
	f.order = order
	return l
}

// missed notes that a device is not listed, and reports whether it is kept.
func (f *fleet) missed(uuid string, cards map[string]bool, l *listing) bool {
	d := f.devices[uuid]
	d.missing++
	if d.missing == 1 {
		d.keep(gpu.Sample{UUID: uuid, At: f.now(), Fault: gpu.FaultGone, Err: notListed})
		f.decide(d)
		f.news.wake()
	}
	switch {
	case d.evidence.Lease != nil:
		if d.missing >= goneAfter {
			l.lost = append(l.lost, uuid)
		}
	case d.claiming || d.evidence.Clearing: // soon over
	case d.missing >= goneAfter && d.replaced(cards):
		delete(f.devices, uuid)
		l.idle = append(l.idle, uuid)
		f.unkept.wake()
		f.news.wake()
		return false
	}
	l.unsure = l.unsure || d.missing < goneAfter || d.evidence.Lease != nil
	return true
}

// replaced: nobody waits for this device. One that is only known from an earlier
// run, or whose card is listed as something else (in other slices, or whole), is
// forgotten; any other one is shown as gone until it comes back.
func (d *device) replaced(cards map[string]bool) bool {
	return d.remembered || cards[physical(&d.Device)]
}

// physical is the card that a device is, or is a part of.
func physical(d *gpu.Device) string {
	if d.Parent != "" {
		return d.Parent
	}
	return d.UUID
}

func physicalCards(devices []gpu.Device) map[string]bool {
	cards := map[string]bool{}
	for i := range devices {
		cards[physical(&devices[i])] = true
	}
	return cards
}
