//go:build linux && cgo

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Enough for a 99th percentile; what is asked once a minute only is asked less here too.
const (
	often  = 300
	seldom = 30
)

// opening measures how long the driver takes to open: long where persistence
// mode is off and nobody else has it open.
func (r *report) opening() error {
	for range 3 {
		began := time.Now()
		if r := nvml.Init(); r != nvml.SUCCESS {
			return whyNot(said("nvmlInit", r))
		}
		r.Init = append(r.Init, ms(time.Since(began)))
		if err := said("nvmlShutdown", nvml.Shutdown()); err != nil {
			return err
		}
	}
	return nil
}

// question is a call to the driver, by its name there.
type question struct {
	name string
	n    int
	ask  func(d nvml.Device) nvml.Return
}

// questions are what MLQ asks about a device.
var questions = []question{
	{"nvmlDeviceGetMemoryInfo", often, func(d nvml.Device) nvml.Return { _, r := d.GetMemoryInfo(); return r }},
	{"nvmlDeviceGetMemoryInfo_v2", often, func(d nvml.Device) nvml.Return { _, r := d.GetMemoryInfo_v2(); return r }},
	{"nvmlDeviceGetComputeRunningProcesses_v3", often, func(d nvml.Device) nvml.Return { _, r := d.GetComputeRunningProcesses(); return r }},
	{"nvmlDeviceGetGraphicsRunningProcesses_v3", often, func(d nvml.Device) nvml.Return { _, r := d.GetGraphicsRunningProcesses(); return r }},
	{"nvmlDeviceGetMPSComputeRunningProcesses_v3", often, func(d nvml.Device) nvml.Return { _, r := d.GetMPSComputeRunningProcesses(); return r }},
	{"nvmlDeviceGetComputeMode", often, func(d nvml.Device) nvml.Return { _, r := d.GetComputeMode(); return r }},
	{"nvmlDeviceGetUtilizationRates", often, func(d nvml.Device) nvml.Return { _, r := d.GetUtilizationRates(); return r }},
	{"nvmlDeviceGetTemperature", often, func(d nvml.Device) nvml.Return { _, r := d.GetTemperature(nvml.TEMPERATURE_GPU); return r }},
	{"nvmlDeviceGetPowerUsage", often, func(d nvml.Device) nvml.Return { _, r := d.GetPowerUsage(); return r }},
	{"nvmlDeviceGetEnforcedPowerLimit", often, func(d nvml.Device) nvml.Return { _, r := d.GetEnforcedPowerLimit(); return r }},
	{"nvmlDeviceGetClockInfo", often, func(d nvml.Device) nvml.Return { _, r := d.GetClockInfo(nvml.CLOCK_SM); return r }},
	{"nvmlDeviceGetUUID", often, func(d nvml.Device) nvml.Return { _, r := d.GetUUID(); return r }},
	{"nvmlDeviceGetMigMode", often, func(d nvml.Device) nvml.Return { _, _, r := d.GetMigMode(); return r }},
	{"nvmlDeviceGetTotalEccErrors", seldom, func(d nvml.Device) nvml.Return {
		_, r := d.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
		return r
	}},
	{"nvmlDeviceGetRemappedRows", seldom, func(d nvml.Device) nvml.Return { _, _, _, _, r := d.GetRemappedRows(); return r }},
	{"nvmlDeviceGetFieldValues (recovery action)", seldom, func(d nvml.Device) nvml.Return {
		return d.GetFieldValues([]nvml.FieldValue{{FieldId: nvml.FI_DEV_GET_GPU_RECOVERY_ACTION}})
	}},
}

// calls measures each call alone.
func (r *report) calls(uuid string) error {
	if err := said("nvmlInit", nvml.Init()); err != nil {
		return err
	}
	defer nvml.Shutdown() //nolint:errcheck // the process ends
	d, err := handle(uuid)
	if err != nil {
		return err
	}
	for _, q := range questions {
		if name, _, _ := strings.Cut(q.name, " "); !has(name) {
			r.Calls[q.name] = spent{Answer: "this driver has no such call"}
			continue
		}
		r.Calls[q.name] = measure(q.n, func() string { return words(q.ask(d)) })
	}
	v1, _ := d.GetMemoryInfo()
	r.Memory.V1Used = v1.Used
	if has("nvmlDeviceGetMemoryInfo_v2") {
		v2, _ := d.GetMemoryInfo_v2()
		r.Memory.V2Used, r.Memory.V2Reserved = v2.Used, v2.Reserved
	}
	r.Persistence, r.ECC, r.ComputeMode = settings(d)
	return nil
}

// settings are those of the card that matter for what was measured.
func settings(d nvml.Device) (persistence, ecc, mode string) {
	persistence, ecc, mode = untold, untold, untold
	if has("nvmlDeviceGetPersistenceMode") {
		persistence = onOff(d.GetPersistenceMode())
	}
	if has("nvmlDeviceGetEccMode") {
		e, _, r := d.GetEccMode()
		ecc = onOff(e, r)
	}
	if m, r := d.GetComputeMode(); r == nvml.SUCCESS {
		mode = fmt.Sprint(int(m))
	}
	return persistence, ecc, mode
}

// untold is what this driver, or this device, does not tell.
const untold = "not told"

func onOff(e nvml.EnableState, r nvml.Return) string {
	switch {
	case r != nvml.SUCCESS:
		return words(r)
	case e == nvml.FEATURE_ENABLED:
		return "on"
	}
	return "off"
}

func words(r nvml.Return) string {
	if r == nvml.SUCCESS {
		return ""
	}
	return nvml.ErrorString(r)
}

func measure(n int, call func() string) spent {
	var times []float64
	answer := ""
	for range n {
		began := time.Now()
		answer = call()
		times = append(times, ms(time.Since(began)))
	}
	return spentOf(times, answer)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
