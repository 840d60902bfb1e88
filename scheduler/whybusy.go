package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// whyDevices bounds the devices that an answer lists.
const whyDevices = 64

// devices adds why none of these hosts, which could run the job, has the devices
// for it now, and when one will have.
func (sc *scene) devices(w *Why, hosts []*Host, shown Shown) {
	looked := make([]taken, 0, len(hosts))
	for _, h := range hosts {
		t := sc.takenOn(h, shown)
		if t.free >= sc.need.Slots() {
			return
		}
		looked = append(looked, t)
	}
	if sc.need.Slots() > 1 {
		sc.several(w, looked)
		return
	}
	for i := range looked {
		w.Devices = append(w.Devices, looked[i].devices...)
	}
	slices.SortStableFunc(w.Devices, soonest)
	w.Devices = eachOnce(w.Devices)
	for i := range w.Devices {
		w.FreeBy = sooner(w.FreeBy, w.Devices[i].EndsBy)
	}
	fit := "1 device fits: "
	if n := len(w.Devices); n > 1 {
		fit = fmt.Sprintf("%d devices fit: ", n)
	}
	w.add("devices-busy", fit+grouped(w.Devices))
	w.Devices = w.Devices[:min(len(w.Devices), whyDevices)]
}

// eachOnce keeps the first of what several agents say of one device.
func eachOnce(devices []WhyDevice) []WhyDevice {
	told := map[string]bool{}
	return slices.DeleteFunc(devices, func(d WhyDevice) bool {
		before := told[d.UUID]
		told[d.UUID] = true
		return before
	})
}

// several: what counts is the host that comes closest.
func (sc *scene) several(w *Why, looked []taken) {
	first := slices.MinFunc(looked, func(a, b taken) int { return compareEnds(a.by, b.by) })
	w.FreeBy = first.by
	best := slices.MinFunc(looked, func(a, b taken) int {
		return cmp.Or(cmp.Compare(b.free, a.free), compareEnds(a.by, b.by), cmp.Compare(a.host, b.host))
	})
	w.Devices = best.devices
	text := fmt.Sprintf("it needs %d devices on one host; %d of the %d that fit are free on %s", sc.need.Slots(), best.free, len(best.devices), best.host)
	if len(looked) > 1 {
		text += ", which comes closest"
	}
	text += ": " + grouped(best.devices)
	if !w.FreeBy.IsZero() {
		text += fmt.Sprintf("; %s has enough by %s at the latest", first.host, sc.clock(w.FreeBy))
	}
	w.add("devices-busy", text)
}

// sooner is the earlier of two times, of which a zero one is none.
func sooner(a, b time.Time) time.Time {
	if compareEnds(a, b) <= 0 {
		return a
	}
	return b
}
