package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// offer is what a host can give, now or when its leases end. When a device comes
// back that is sick, closed or used by others, nobody knows.
func (sc *scene) offer(h *Host) Offer {
	o := wholeOffer(h, sc.real)
	o.Devices = nil
	if h.Drained || !h.LeaseUntil.After(sc.now) {
		return o
	}
	for i := range h.Devices {
		d := &h.Devices[i]
		if sc.comesBack(h, d) {
			o.Devices = append(o.Devices, OfferedDevice{Device: d.Device})
		}
	}
	return o
}

// comesBack: with the end of a job the device is to be had, as far as can be told.
// Under a lease too it may be closed, sick, or in a driver that is taken away.
func (sc *scene) comesBack(h *Host, d *DeviceReport) bool {
	for _, s := range []gpu.State{sc.state(h, d), d.State} {
		switch s {
		case gpu.Free, gpu.Leased, gpu.Clearing:
		default:
			return false
		}
	}
	return h.DrainedDevices[d.UUID] == ""
}

// gone says what keeps the devices that fit from being counted on, "" if nothing does.
func (sc *scene) gone() string {
	var count [len(states)]int
	for i := range sc.all {
		h := &sc.all[i]
		for j := range h.Devices {
			d := &h.Devices[j]
			if !fits(sc.need, &d.Device, sc.real) || sc.comesBack(h, d) {
				continue
			}
			s := sc.state(h, d)
			if s == gpu.Leased {
				s = d.State
			}
			if h.DrainedDevices[d.UUID] != "" {
				s = gpu.Drained // under its lease too
			}
			if at := slices.Index(states[:], s); at >= 0 {
				count[at]++
			}
		}
	}
	var words []string
	for i, n := range count {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, states[i]))
		}
	}
	return strings.Join(words, ", ")
}

// states are those from which nobody knows when a device comes back.
var states = [...]gpu.State{gpu.Unknown, gpu.Foreign, gpu.Drained, gpu.Sick}

// replay places the jobs ahead and then this one, each on the host where it
// can start first, and gives how long this one waits; missing says whose
// duration nobody knows.
func (sc *scene) replay(job *Job, ahead []Job, lasts map[JobID]time.Duration) (wait time.Duration, missing string) {
	hosts, late, missing := sc.timelines(lasts)
	if missing != "" {
		return 0, missing
	}
	for i := range ahead {
		n, err := ParseNeed(ahead[i].Class)
		last, known := lasts[ahead[i].ID]
		if err != nil || !known {
			return 0, "a job ahead of it has no time limit and nothing like it has run yet"
		}
		start, take := earliest(hosts, n, ahead[i].Devices)
		for _, d := range take {
			*d = start + last
		}
	}
	hosts = slices.DeleteFunc(hosts, func(l timeline) bool { return sc.shuns(l.host, job) })
	start, take := earliest(hosts, sc.need, job.Devices)
	if take == nil {
		return 0, sc.noneComesBack(late)
	}
	return start, ""
}

// noneComesBack says why too few devices can be counted on.
func (sc *scene) noneComesBack(late bool) string {
	gone := sc.gone()
	switch {
	case late:
		return "a job that runs has taken longer than its like did, and has no time limit"
	case gone != "":
		return "it waits for more than the end of jobs; of the devices that fit are " + gone
	}
	return "it waits for more than the end of jobs"
}

// timeline is a host with the time from now at which each device is free.
type timeline struct {
	host  *Host
	offer Offer
	free  []time.Duration
}

// timelines leaves out the devices of jobs that have run longer than their like
// and may go on for ever: late says that there are some.
func (sc *scene) timelines(lasts map[JobID]time.Duration) (out []timeline, late bool, missing string) {
	for i := range sc.all {
		l := timeline{host: &sc.all[i], offer: sc.offer(&sc.all[i])}
		devices := l.offer.Devices
		l.offer.Devices = nil
		for _, d := range devices {
			free, known := sc.left(sc.leaseOn[d.UUID], lasts)
			switch {
			case !known:
				return nil, false, "a job that runs has no time limit and nothing like it has run yet"
			case free < 0:
				late = true
			default:
				l.offer.Devices, l.free = append(l.offer.Devices, d), append(l.free, free)
			}
		}
		out = append(out, l)
	}
	return out, late, ""
}

// left is how long a lease will last yet: as its like did, or once it has lasted
// longer, to its time limit. Negative: it is late, and without a limit.
func (sc *scene) left(l *Lease, lasts map[JobID]time.Duration) (time.Duration, bool) {
	if l == nil {
		return 0, true
	}
	last, known := lasts[l.Job]
	left := last - sc.now.Sub(l.Since)
	if left <= 0 && !l.EndsBy.IsZero() {
		left = max(0, l.EndsBy.Sub(sc.now))
	} else if left == 0 {
		left = -1
	}
	return left, known
}

// earliest finds where n devices that fit are free first.
func earliest(hosts []timeline, n Need, devices int) (time.Duration, []*time.Duration) {
	var best time.Duration
	var take []*time.Duration
	for i := range hosts {
		h := &hosts[i]
		var free []*time.Duration
		if fitHost(n, "", &Offer{Host: h.offer.Host, Labels: h.offer.Labels, Environments: h.offer.Environments}) != nil {
			continue
		}
		for j := range h.offer.Devices {
			if fits(n, &h.offer.Devices[j].Device, h.offer.RealElsewhere) {
				free = append(free, &h.free[j])
			}
		}
		if len(free) < devices {
			continue
		}
		slices.SortFunc(free, func(a, b *time.Duration) int { return int(*a - *b) })
		if start := *free[devices-1]; take == nil || start < best {
			best, take = start, free[:devices]
		}
	}
	return best, take
}
