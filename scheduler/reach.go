package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Reach is where an order about a device goes: to all agents that list it, for
// each of them may lease it, those too of which nothing is heard now; first the one
// whose word is taken. What takes an order back (undoes) goes to those where one
// stands as well, though the device is not there any more. ErrUnknownDevice: there
// is none.
func (s *Scheduler) Reach(ctx context.Context, uuid string, undoes bool) ([]string, error) {
	hosts, err := s.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	leases, err := s.Leases(ctx)
	if err != nil {
		return nil, err
	}
	agents := reach(hosts, leases, uuid, undoes, time.Now())
	if len(agents) == 0 {
		return nil, fmt.Errorf("%w: no host has one with UUID %s", ErrUnknownDevice, uuid)
	}
	return agents, nil
}

func reach(hosts []Host, leases []Lease, uuid string, undoes bool, now time.Time) []string {
	views := ViewsOf(hosts, leases, now)
	agents := views.Agents(uuid)
	for i := range hosts {
		if undoes && hosts[i].orderedOf(uuid) && !slices.Contains(agents, hosts[i].Host) {
			agents = append(agents, hosts[i].Host)
		}
	}
	return agents
}

// orderedOf reports whether something stands that can be taken back.
func (h *Host) orderedOf(uuid string) bool {
	_, drained := h.DrainedDevices[uuid]
	_, detached := h.Ordered.Detached[uuid]
	_, tolerates := h.Ordered.Tolerate[uuid]
	return drained || detached || tolerates
}
