package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Readings stand under the names, units and labels of NVIDIA's dcgm-exporter
// (etc/default-counters.csv, and its rendering of labels), so that dashboards
// made for that one show them. Options.NoDCGMNames leaves them out.

// readingsWithin is how old readings may be; agents report at least once a minute.
const readingsWithin = 90 * time.Second

var dcgmLabels = []string{"gpu", "UUID", "pci_bus_id", "device", "modelName", "GPU_I_PROFILE", "GPU_I_ID", "Hostname"}

func dcgmDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, dcgmLabels, nil)
}

// dcgmReading is one of them; value says whether the device has it.
type dcgmReading struct {
	desc  *prometheus.Desc
	value func(d *scheduler.DeviceReport) (float64, bool)
}

var dcgmReadings = []dcgmReading{
	{dcgmDesc("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz)."), func(d *scheduler.DeviceReport) (float64, bool) { return told(d.Readings.Clock, 1) }},
	{dcgmDesc("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C)."), func(d *scheduler.DeviceReport) (float64, bool) { return told(d.Readings.Temperature, 1) }},
	{dcgmDesc("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W)."), func(d *scheduler.DeviceReport) (float64, bool) { return told(d.Readings.Power, 1000) }},
	{dcgmDesc("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %)."), func(d *scheduler.DeviceReport) (float64, bool) { return told(d.Readings.Utilization, 1) }},
	{dcgmDesc("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB)."), func(d *scheduler.DeviceReport) (float64, bool) { return mib(d.Used), d.Memory > 0 && d.Used >= 0 }},
	{dcgmDesc("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB)."), func(d *scheduler.DeviceReport) (float64, bool) { return mib(freeOf(d)), d.Memory > 0 && d.Used >= 0 }},
}

var dcgmXid = dcgmDesc("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.")

// collectReadings tells what a device's agent read lately. Old values, and those
// of a device that cannot be asked now, are not told as if they were true.
func collectReadings(ch chan<- prometheus.Metric, once once, h *scheduler.Host, d *scheduler.DeviceReport, now time.Time) {
	labels := dcgmLabelsOf(h, d)
	if silent(h) || now.Sub(h.Reported) > readingsWithin || d.Kind == gpu.KindCPU || !once.first("readings", labels[1], labels[6]) {
		return
	}
	ch <- prometheus.MustNewConstMetric(dcgmXid, prometheus.GaugeValue, float64(d.Health.Xid), labels...)
	if d.State == gpu.Unknown {
		return
	}
	for _, r := range dcgmReadings {
		if value, ok := r.value(d); ok {
			ch <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, value, labels...)
		}
	}
}

// dcgmLabelsOf are the labels of dcgm-exporter: a slice has its GPU's UUID, and
// what tells it apart in two of its own.
func dcgmLabelsOf(h *scheduler.Host, d *scheduler.DeviceReport) []string {
	host, _, _ := strings.Cut(h.Host, "@")
	number, uuid, profile, instance := d.Index, d.UUID, "", "" // their number is that of NVML
	if d.Slice() {
		number, uuid, instance = d.Minor, d.Parent, strconv.Itoa(d.GI)
		_, profile, _ = strings.Cut(d.Model, " MIG ")
	}
	return []string{strconv.Itoa(number), uuid, busID(d.PCI), fmt.Sprintf("nvidia%d", number), modelOf(d), profile, instance, host}
}

// busID is a PCI address as NVML writes it: a domain of eight digits, in upper case.
func busID(address string) string {
	if domain, rest, ok := strings.Cut(address, ":"); ok && len(domain) < 8 && strings.Contains(rest, ":") {
		address = strings.Repeat("0", 8-len(domain)) + address
	}
	return strings.ToUpper(address)
}

// freeOf is the memory that is left, in bytes: of a device that does not tell it,
// what is not in use.
func freeOf(d *scheduler.DeviceReport) int64 {
	if d.Readings.Free != nil {
		return *d.Readings.Free
	}
	return max(d.Memory-d.Used, 0)
}

// told is a reading in other units; false: the driver does not tell.
func told(reading *int, per float64) (float64, bool) {
	if reading == nil {
		return 0, false
	}
	return float64(*reading) / per, true
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// dcgmDescs are those of collectReadings.
func dcgmDescs() []*prometheus.Desc {
	all := []*prometheus.Desc{dcgmXid}
	for _, r := range dcgmReadings {
		all = append(all, r.desc)
	}
	return all
}
