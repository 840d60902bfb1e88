package main

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// target is a host, or one device of it.
type target struct {
	host   string
	device string // UUID, "" for the host
}

// name is what people are told of it.
func (t target) name() string {
	if gpu.IsSimulated(t.device) {
		return t.device + " (simulated)"
	}
	return t.id()
}

// id is how a command takes it.
func (t target) id() string {
	if t.device != "" {
		return t.device
	}
	return t.host
}

// path is where the API has it.
func (t target) path() string {
	if t.device != "" {
		return "/gpus/" + url.PathEscape(t.device)
	}
	return "/hosts/" + url.PathEscape(t.host)
}

// is reports whether a device is what is meant, or a part of it.
func (t target) is(d *api.Device) bool {
	return d.Host == t.host && (t.device == "" || d.UUID == t.device)
}

// findTargets says what a name means: a host with the agents NAME@… of its
// devices, a device's UUID, the beginning of just one, or HOST:INDEX.
func findTargets(hosts []api.Host, name string) ([]target, error) {
	var named []target
	for i := range hosts {
		if hosts[i].Host == name || strings.HasPrefix(hosts[i].Host, name+"@") {
			named = append(named, target{host: hosts[i].Host})
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	exact, started := findDevices(hosts, name)
	switch {
	case exact != nil:
		return []target{*exact}, nil
	case len(started) == 1:
		return started, nil
	case len(started) > 1:
		return nil, failed("%q begins the UUIDs of %s", name, count(len(started), "device")).with("%s and %s, for example", started[0].device, started[1].device)
	}
	return nil, failed("there is no host or device %q", name).with("mlq hosts and mlq gpus list them")
}

// findClosed says what a name means for a command that takes an order back: also
// a UUID that no host lists any more, of which the servers know whether one stands.
func findClosed(hosts []api.Host, name string) ([]target, error) {
	targets, err := findTargets(hosts, name)
	_, started := findDevices(hosts, name)
	if err != nil && len(started) == 0 && deviceID.MatchString(name) {
		return []target{{device: name}}, nil
	}
	return targets, err
}

// deviceID begins as the UUIDs of package gpu and of NVIDIA's driver do.
var deviceID = regexp.MustCompile(`^(GPU|MIG|SIM|CPU)-.`)

// findDevices gives the device that is named exactly, and those that begin so.
// Of the hosts that listed a device, the one that was heard of last has it.
func findDevices(hosts []api.Host, name string) (exact *target, started []target) {
	hosts = slices.SortedStableFunc(slices.Values(hosts), func(a, b api.Host) int { return b.Renewed.Compare(a.Renewed) })
	seen := map[string]bool{}
	for i := range hosts {
		for j := range hosts[i].Devices {
			d := target{hosts[i].Host, hosts[i].Devices[j].UUID}
			switch index := hosts[i].Host + ":" + strconv.Itoa(hosts[i].Devices[j].Index); {
			case index == name:
				return &d, nil
			case name == "" || seen[d.device]:
			case d.device == name:
				exact = &d
			case strings.HasPrefix(d.device, name):
				started = append(started, d)
			}
			seen[d.device] = true
		}
	}
	return exact, started
}
