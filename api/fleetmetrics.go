package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

var (
	devicesDesc = prometheus.NewDesc("mlq_devices", "Devices by host and state; those of a host that is silent are unknown.", []string{"host", "state"}, nil)
	simDesc     = prometheus.NewDesc("mlq_simulated_devices", "Devices that are simulated and compute nothing, by host.", []string{"host"}, nil)
	waitDesc    = prometheus.NewDesc("mlq_queue_wait_seconds", "Time that the longest-waiting of the first 100 jobs in line has waited; 0: none waits.", nil, nil)
)

// waitDepth bounds what a scrape reads of the queue.
const waitDepth = 100

// deviceStates are all that a device can be: a host has a series for each, so
// that an alert sees one go to 0.
var deviceStates = []gpu.State{gpu.Free, gpu.Leased, gpu.Clearing, gpu.Drained, gpu.Foreign, gpu.Sick, gpu.Unknown}

// collectDevices counts devices as GET /gpus shows them.
func collectDevices(ch chan<- prometheus.Metric, hosts []scheduler.Host, leases []scheduler.Lease) {
	leased := map[string]bool{}
	for i := range leases {
		for _, uuid := range leases[i].Devices {
			leased[uuid] = true
		}
	}
	for i := range hosts {
		counts, simulated := map[gpu.State]int{}, 0
		for j := range hosts[i].Devices {
			counts[deviceState(&hosts[i], &hosts[i].Devices[j], leased)]++
			if hosts[i].Devices[j].Simulated() {
				simulated++
			}
		}
		for _, state := range deviceStates {
			ch <- prometheus.MustNewConstMetric(devicesDesc, prometheus.GaugeValue, float64(counts[state]), hosts[i].Host, string(state))
		}
		ch <- prometheus.MustNewConstMetric(simDesc, prometheus.GaugeValue, float64(simulated), hosts[i].Host)
	}
}

// deviceState is what a device is, by who says so last: its agent, an admin,
// the store's leases, and whether its agent is heard at all.
func deviceState(h *scheduler.Host, d *scheduler.DeviceReport, leased map[string]bool) gpu.State {
	switch {
	case silent(h):
		return gpu.Unknown
	case leased[d.UUID]:
		return gpu.Leased
	case d.State == gpu.Free && (h.Drained || h.DrainedDevices[d.UUID] != ""):
		return gpu.Drained
	}
	return d.State
}

// collectWait looks at the head of the queue only.
func collectWait(ctx context.Context, ch chan<- prometheus.Metric, s *scheduler.Scheduler) error {
	jobs, err := s.Queue(ctx, waitDepth)
	if err != nil {
		return err
	}
	var longest time.Duration
	for i := range jobs {
		longest = max(longest, time.Since(jobs[i].QueuedAt))
	}
	ch <- prometheus.MustNewConstMetric(waitDesc, prometheus.GaugeValue, longest.Seconds())
	return nil
}
