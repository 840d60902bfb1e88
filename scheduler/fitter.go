package scheduler

import "slices"

// fitter fits entries to an offer: each combination of class and account once, and
// once for all that want as many of the same free devices.
type fitter struct {
	offer  *Offer
	seen   map[string]fitted
	chosen map[wish][]string
}

// wish is how many of which free devices of the offer are wanted.
type wish struct {
	n    int
	free [maxWish / 64]uint64 // bits, by place in the offer
}

// maxWish is how many devices an offer has for which choices are remembered.
const maxWish = 256

func newFitter(o *Offer) fitter {
	return fitter{offer: o, seen: make(map[string]fitted), chosen: make(map[wish][]string)}
}

type fitted struct {
	need    Need
	devices []string
	misfit  *fitMisfit
}

// fitMisfit is a misfit; later: it fits once more devices are free.
type fitMisfit struct {
	misfit
	later bool
}

func (t fitter) entry(e *Entry) (Need, []string, *fitMisfit) {
	key := e.Class + "\x00" + e.Unix
	r, ok := t.seen[key]
	if !ok {
		r = t.class(e.Class, e.Unix)
		t.seen[key] = r
	}
	if r.devices != nil {
		r.devices = t.elsewhere(e.Job, r)
	}
	return r.need, r.devices, r.misfit
}

// elsewhere gives the devices for a job that was released unrun from some of those
// it would get: others, where enough are free. What was wrong may be wrong still.
func (t fitter) elsewhere(job JobID, r fitted) []string {
	left := func(d *OfferedDevice) bool { return slices.Contains(d.Unrun, job) }
	if !slices.ContainsFunc(t.offer.Devices, func(d OfferedDevice) bool { return left(&d) }) {
		return r.devices
	}
	free, _ := countFitting(r.need, t.offer)
	if free = slices.DeleteFunc(free, left); len(free) < r.need.Slots() {
		return r.devices
	}
	return choose(free, r.need.Slots(), t.offer.Links)
}

func (t fitter) class(class, unix string) fitted {
	n, err := ParseNeed(class)
	if err != nil {
		return fitted{misfit: &fitMisfit{misfit: misfit{text: err.Error()}}}
	}
	if m := fitHost(n, unix, t.offer); m != nil {
		return fitted{need: n, misfit: &fitMisfit{misfit: *m}}
	}
	free, all := countFitting(n, t.offer)
	switch {
	case len(all) < n.Slots():
		return fitted{need: n, misfit: &fitMisfit{misfit: *tooFew(n, t.offer, len(all))}}
	case len(free) < n.Slots():
		return fitted{need: n, misfit: &fitMisfit{later: true}}
	}
	return fitted{need: n, devices: t.choose(free, n.Slots())}
}

// choose remembers its choices. free is in the order of the offer.
func (t fitter) choose(free []*OfferedDevice, n int) []string {
	w, ok := t.wish(free, n)
	if !ok {
		return choose(free, n, t.offer.Links)
	}
	devices, known := t.chosen[w]
	if !known {
		devices = choose(free, n, t.offer.Links)
		t.chosen[w] = devices
	}
	return devices
}

func (t fitter) wish(free []*OfferedDevice, n int) (wish, bool) {
	w := wish{n: n}
	at := 0
	for _, d := range free {
		for d != &t.offer.Devices[at] {
			at++
		}
		if at >= maxWish {
			return w, false
		}
		w.free[at/64] |= 1 << (at % 64)
	}
	return w, true
}
