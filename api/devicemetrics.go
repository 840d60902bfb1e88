package api

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxDeviceSeries bounds the devices of one host that have series of their own:
// no agent can make a scrape as large as it likes.
const maxDeviceSeries = 1024

var (
	infoDesc    = prometheus.NewDesc("mlq_device_info", "1 for each device, with what it is.", []string{"host", "uuid", "index", "kind", "model", "pci", "parent"}, nil)
	stateDesc   = prometheus.NewDesc("mlq_device_state", "1 for the state that the device is in.", []string{"host", "uuid", "state"}, nil)
	foreignDesc = prometheus.NewDesc("mlq_device_foreign_bytes", "Memory of processes on the device that MLQ did not start.", []string{"host", "uuid"}, nil)
	orphanDesc  = prometheus.NewDesc("mlq_device_orphan", "1 while something of a job that has ended keeps the device.", []string{"host", "uuid"}, nil)
	driverDesc  = prometheus.NewDesc("mlq_gpu_driver_up", "1 while the host's GPU driver answers its agent; 0 too while it is detached.", []string{"host"}, nil)
)

// deviceDescs are those of collectDevice and collectDriver.
var deviceDescs = []*prometheus.Desc{infoDesc, stateDesc, foreignDesc, orphanDesc, driverDesc}

// collectDevice tells of one device under names of our own. Of a silent host only
// what the device is and that nothing is known.
func collectDevice(ch chan<- prometheus.Metric, told once, h *scheduler.Host, d *scheduler.DeviceReport, state gpu.State) {
	if !told.first("device", h.Host, d.UUID) {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{h.Host, d.UUID}, labels...)...)
	}
	gauge(infoDesc, 1, strconv.Itoa(d.Index), string(d.Kind), modelOf(d), d.PCI, d.Parent)
	gauge(stateDesc, 1, string(state))
	if silent(h) {
		return
	}
	gauge(foreignDesc, foreignBytes(d))
	gauge(orphanDesc, truth(orphaned(d)))
}

func collectDriver(ch chan<- prometheus.Metric, h *scheduler.Host) {
	if silent(h) || driverOf(h) == nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(driverDesc, prometheus.GaugeValue, truth(h.GPU.Problem == "" && !h.GPU.Detached), h.Host)
}

// modelOf is the model; one that is simulated says so.
func modelOf(d *scheduler.DeviceReport) string {
	if d.Simulated() && !strings.Contains(d.Model, "simulated") {
		return d.Model + " (simulated)"
	}
	return d.Model
}

func foreignBytes(d *scheduler.DeviceReport) float64 {
	var sum int64
	for _, p := range d.Foreign {
		sum += max(p.Memory, 0)
	}
	return float64(sum)
}

// orphaned: what gpu.Decide says of it begins so.
func orphaned(d *scheduler.DeviceReport) bool {
	return d.State == gpu.Foreign && strings.HasPrefix(d.Reason, "orphan:")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
