package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

var (
	devicesDesc = prometheus.NewDesc("mlq_devices", "Devices by host and state; those of a host that is silent are unknown.", []string{"host", "state"}, nil)
	simDesc     = prometheus.NewDesc("mlq_simulated_devices", "Devices that are simulated and compute nothing, by host.", []string{"host"}, nil)
	refusedDesc = prometheus.NewDesc("mlq_unsigned_jobs_refused_total", "Jobs that the host's agent has given back since it started because no server had signed them.", []string{"host"}, nil)
	waitDesc    = prometheus.NewDesc("mlq_queue_wait_seconds", "Time that the longest-waiting of the first 100 jobs in line has waited; 0: none waits.", nil, nil)
)

// waitDepth bounds what a scrape reads of the queue.
const waitDepth = 100

// deviceStates are all that a device can be: a host has a series for each, so
// that an alert sees one go to 0.
var deviceStates = []gpu.State{gpu.Free, gpu.Leased, gpu.Clearing, gpu.Drained, gpu.Foreign, gpu.Sick, gpu.Unknown}

// collectDevices counts devices as GET /gpus shows them, and tells of each, once.
func (q *queueCollector) collectDevices(ch chan<- prometheus.Metric, hosts []scheduler.Host, leases []scheduler.Lease) {
	leased := map[string]bool{}
	for i := range leases {
		for _, uuid := range leases[i].Devices {
			leased[uuid] = true
		}
	}
	told, views := once{}, scheduler.ViewsOf(hosts, leases, time.Now())
	for i := range hosts {
		h := &hosts[i]
		h.Devices = slices.DeleteFunc(h.Devices, func(d scheduler.DeviceReport) bool { return !views.Shows(h.Host, d.UUID) })
		collectCounts(ch, h, leased)
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(h.Unsigned), h.Host)
		collectDriver(ch, h)
		for j := range h.Devices[:min(len(h.Devices), maxDeviceSeries)] {
			d := &h.Devices[j]
			collectDevice(ch, told, h, d, deviceState(h, d, leased))
			if !q.s.opts.NoDCGMNames {
				collectReadings(ch, told, h, d, time.Now())
			}
		}
	}
}

// once keeps a scrape from telling one thing twice, for which all of it would be
// refused: two machines may say that they have one device.
type once map[string]bool

func (o once) first(what ...string) bool {
	key := strings.Join(what, "\x00")
	if o[key] {
		return false
	}
	o[key] = true
	return true
}

func collectCounts(ch chan<- prometheus.Metric, h *scheduler.Host, leased map[string]bool) {
	counts, simulated := map[gpu.State]int{}, 0
	for i := range h.Devices {
		counts[deviceState(h, &h.Devices[i], leased)]++
		if h.Devices[i].Simulated() {
			simulated++
		}
	}
	for _, state := range deviceStates {
		ch <- prometheus.MustNewConstMetric(devicesDesc, prometheus.GaugeValue, float64(counts[state]), h.Host, string(state))
	}
	ch <- prometheus.MustNewConstMetric(simDesc, prometheus.GaugeValue, float64(simulated), h.Host)
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
