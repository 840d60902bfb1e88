package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// cannotRun says why no host seen in the last days can ever run the job, in
// words and with the closest that there is; "": some can, or may, or none was seen.
// Devices that are busy, sick, drained or used by others are there all the same.
func cannotRun(n Need, unix string, hosts []Host, now time.Time) string {
	hosts = remembered(hosts, now)
	if len(hosts) == 0 {
		return ""
	}
	real := metByGPUs(n, unix, hosts, now)
	var closest *misfit
	var offers []Offer // that only lack the devices
	for i := range hosts {
		m := everFits(n, unix, &hosts[i], real)
		switch {
		case m == nil, hosts[i].mayHave(n, m, now):
			return ""
		case m.step == stepDevices:
			offers = append(offers, wholeOffer(&hosts[i], real))
		}
		if closest == nil || m.step > closest.step {
			closest = m
		}
	}
	switch closest.step {
	case stepHost:
		return noSuchHost(n.Host, hosts)
	case stepLabels:
		return noSuchLabels(n, hosts)
	case stepDevices:
		return lacking(n, offers)
	}
	return closest.text
}

// remembered gives the hosts that count for what can ever run.
func remembered(hosts []Host, now time.Time) []Host {
	return slices.DeleteFunc(slices.Clone(hosts), func(h Host) bool { return now.Sub(h.Renewed) > hostMemory })
}

// listMost bounds what is listed in a refusal.
const listMost = 8

func noSuchHost(name string, hosts []Host) string {
	names := make([]string, len(hosts))
	for i := range hosts {
		names[i] = hosts[i].Host
	}
	return fmt.Sprintf("there is no host %q; hosts are %s", name, listed(names))
}

// noSuchLabels names the host that has most of the labels.
func noSuchLabels(n Need, hosts []Host) string {
	best, has := "", -1
	for i := range hosts {
		h, matching := &hosts[i], 0
		for name, value := range n.Labels {
			if labelsMatch(map[string]string{name: value}, h.Labels) {
				matching++
			}
		}
		if n.onHost(h.Host) && matching > has {
			best, has = h.Host+" has "+cmp.Or(labelText(h.Labels), "none"), matching
		}
	}
	return fmt.Sprintf("no host has the labels %s; %s", labelText(n.Labels), best)
}

// listed joins the first few.
func listed(words []string) string {
	if over := len(words) - listMost; over > 0 {
		words = append(slices.Clone(words[:listMost]), fmt.Sprintf("and %d more", over))
	}
	return strings.Join(words, ", ")
}

// located is a device and where it is.
type located struct {
	*gpu.Device
	host string
}

func (l located) String() string { return l.host + "'s " + l.Model }

// lacking says what of the devices is not there: of the conditions the first one
// that no device meets together with those before it.
func lacking(n Need, offers []Offer) string {
	if n.GPUs == 0 {
		return "no host has a CPU slot, as gpus=0 asks for"
	}
	var gpus, slots []located
	for i := range offers {
		for j := range offers[i].Devices {
			d := located{&offers[i].Devices[j].Device, offers[i].Host}
			if d.Kind == gpu.KindCPU {
				slots = append(slots, d)
				continue
			}
			gpus = append(gpus, d)
		}
	}
	if len(gpus) == 0 {
		return noGPU(n, slots)
	}
	for _, lacks := range []func(Need, []located) ([]located, string){lacksType, lacksMemory, lacksCapability} {
		var why string
		if gpus, why = lacks(n, gpus); why != "" {
			return why
		}
	}
	return lacksNumber(n, offers, gpus)
}

func noGPU(n Need, slots []located) string {
	standIns := slices.DeleteFunc(slices.Clone(slots), func(d located) bool { return !d.StandIn })
	switch {
	case len(slots) == 0:
		return "no host has a device"
	case len(standIns) == 0:
		return "no host has a GPU; CPU slots are asked for with gpus=0"
	case n.MemGiB > 0 || n.Type != "" || n.MinCC > 0:
		return fmt.Sprintf("no host has a GPU; the CPU slots of %s stand in for one, but have no memory, model or capability to promise", standIns[0].host)
	}
	return fmt.Sprintf("no host has %d devices; the most are %s", n.GPUs, most(slots))
}

// most names the host that has most of the devices, and how many.
func most(devices []located) string {
	count := make(map[string]int)
	best := ""
	for _, d := range devices {
		if count[d.host]++; count[d.host] > count[best] {
			best = d.host
		}
	}
	return fmt.Sprintf("%d, on %s", count[best], best)
}

func lacksType(n Need, gpus []located) ([]located, string) {
	typed := keep(gpus, func(d located) bool { return typeMatches(n.Type, d.Model) })
	if len(typed) > 0 {
		return typed, ""
	}
	var models []string
	for _, d := range gpus {
		if !slices.Contains(models, d.Model) {
			models = append(models, d.Model)
		}
	}
	slices.Sort(models)
	return nil, fmt.Sprintf("no host has a device whose model matches %q; there are %s", n.Type, listed(models))
}

func lacksMemory(n Need, gpus []located) ([]located, string) {
	large := keep(gpus, func(d located) bool { return cardHas(d.Memory, n.MemGiB) })
	if len(large) > 0 {
		return large, ""
	}
	top := slices.MaxFunc(gpus, func(a, b located) int { return int(a.Memory - b.Memory) })
	return nil, fmt.Sprintf("no host has %s with %s; the largest is %s with %s", n.typeWords(), n.memoryWords(), top, memoryWords(top.Memory))
}

func lacksCapability(n Need, gpus []located) ([]located, string) {
	able := keep(gpus, func(d located) bool { return d.ComputeCapability >= n.MinCC })
	if len(able) > 0 {
		return able, ""
	}
	top := slices.MaxFunc(gpus, func(a, b located) int { return a.ComputeCapability - b.ComputeCapability })
	what := n.typeWords()
	if n.MemGiB > 0 {
		what += " with " + n.memoryWords()
	}
	return nil, fmt.Sprintf("no host has %s of compute capability %s; the highest is %s with %s", what, capability(n.MinCC), top, capability(top.ComputeCapability))
}

// lacksNumber: single devices fit, but no agent has enough of them.
func lacksNumber(n Need, offers []Offer, gpus []located) string {
	whole := keep(gpus, func(d located) bool { return !sliced(d.Device) })
	if len(whole) == 0 {
		return fmt.Sprintf("a job of %d devices needs whole GPUs, because CUDA shows a process one slice at most, and those that fit are slices (%s); submit %d jobs of one each", n.GPUs, gpus[0], n.GPUs)
	}
	why := fmt.Sprintf("no host has %d devices that fit; the most are %s", n.GPUs, most(whole))
	if host := splitHost(n.GPUs, whole); host != "" {
		why += fmt.Sprintf("; %s has more, but in several agents (mlq agent --device), and a job gets its devices from one", host)
	}
	return why
}

// splitHost names a machine that has enough devices, but in several agents.
func splitHost(n int, devices []located) string {
	cards := make(map[string]map[string]bool) // several of its agents may list one
	for _, d := range devices {
		machine := HostOf(d.host)
		if machine == d.host {
			continue
		}
		if cards[machine] == nil {
			cards[machine] = make(map[string]bool)
		}
		cards[machine][d.UUID] = true
		if len(cards[machine]) >= n {
			return machine
		}
	}
	return ""
}

func keep(devices []located, fit func(located) bool) []located {
	return slices.DeleteFunc(slices.Clone(devices), func(d located) bool { return !fit(d) })
}
