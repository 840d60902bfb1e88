package scheduler

import "strconv"

// fitter fits entries to an offer: each combination of class and account once, and
// once for all that want as many of the same free devices.
type fitter struct {
	offer  *Offer
	seen   map[string]fitted
	chosen map[string][]string
}

func newFitter(o *Offer) fitter {
	return fitter{offer: o, seen: make(map[string]fitted), chosen: make(map[string][]string)}
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
	return r.need, r.devices, r.misfit
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

func (t fitter) choose(free []*OfferedDevice, n int) []string {
	key := strconv.AppendInt(nil, int64(n), 10)
	for _, d := range free { // in the offer's order
		key = append(append(key, ' '), d.UUID...)
	}
	devices, ok := t.chosen[string(key)]
	if !ok {
		devices = choose(free, n, t.offer.Links)
		t.chosen[string(key)] = devices
	}
	return devices
}
