package scheduler

import (
	"cmp"
	"slices"

	"github.com/mlq-dev/mlq/gpu"
)

// picture is what hosts had free when somebody last looked, at most some seconds
// ago: good enough to say who is woken first. It decides nothing else. Immutable.
type picture map[string][]gpu.Device

func pictureOf(hosts []Host) picture {
	p := make(picture, len(hosts))
	for i := range hosts {
		p[hosts[i].Host] = nil
		for j := range hosts[i].Devices {
			if d := &hosts[i].Devices[j]; d.State == gpu.Free {
				p[hosts[i].Host] = append(p[hosts[i].Host], d.Device)
			}
		}
	}
	return p
}

// sleeper is an idle host that may be woken for a job.
type sleeper struct {
	member []byte
	fits   int         // of its free devices
	least  *gpu.Device // the smallest of these; nil: none, or nobody looked
}

// smallest gives those of the idle hosts to wake for so many devices: those whose
// devices are the smallest that fit, and larger ones only where these are not
// enough. So a small job does not wake a host with a large card while one with a
// small card has nothing to do. Hosts of which nothing is known that fits come last.
func (p picture) smallest(n Need, devices int, idle [][]byte) [][]byte {
	hosts := make([]sleeper, len(idle))
	for i, m := range idle {
		hosts[i] = p.sleeper(n, m)
	}
	slices.SortStableFunc(hosts, bySmallest)
	out := make([][]byte, 0, len(idle))
	found := 0
	for i := range hosts {
		if found >= devices && bySmallest(hosts[i-1], hosts[i]) != 0 {
			break
		}
		found += hosts[i].fits
		out = append(out, hosts[i].member)
	}
	return out
}

func (p picture) sleeper(n Need, member []byte) sleeper {
	h := sleeper{member: member}
	for i, d := range p[idleHost(member)] {
		if !fits(n, &d, false) {
			continue
		}
		h.fits++
		if h.least == nil || bySizeOf(&d, h.least) < 0 {
			h.least = &p[idleHost(member)][i]
		}
	}
	if h.fits < n.Slots() {
		return sleeper{member: member}
	}
	return h
}

func bySmallest(a, b sleeper) int {
	switch {
	case a.least == nil || b.least == nil:
		return cmp.Compare(min(b.fits, 1), min(a.fits, 1))
	case a.least.StandIn != b.least.StandIn: // a GPU first
		return cmp.Compare(standIns(a), standIns(b))
	}
	return bySizeOf(a.least, b.least)
}

func standIns(s sleeper) int {
	if s.least.StandIn {
		return 1
	}
	return 0
}

func bySizeOf(a, b *gpu.Device) int {
	return cmp.Or(cmp.Compare(wholeGiB(a.Memory), wholeGiB(b.Memory)), cmp.Compare(a.ComputeCapability, b.ComputeCapability))
}
