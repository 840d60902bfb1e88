//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// readings are those of the whole GPU; a slice has no utilization and no clock.
func (p *provider) readings(x *part, s *gpu.Sample) nvml.Return {
	r := &s.Readings
	asked := []struct {
		into *(*int)
		call func() (uint32, nvml.Return)
		name string
		part bool
	}{
		{&r.Temperature, temperature(x.whole), "nvmlDeviceGetTemperature", true},
		{&r.Power, x.whole.GetPowerUsage, "nvmlDeviceGetPowerUsage", true},
		{&r.PowerLimit, x.whole.GetEnforcedPowerLimit, "nvmlDeviceGetEnforcedPowerLimit", true},
		{&r.Utilization, utilization(x.whole), "nvmlDeviceGetUtilizationRates", false},
		{&r.Clock, clock(x.whole), "nvmlDeviceGetClockInfo", false},
	}
	for _, q := range asked {
		if x.Slice() && !q.part {
			continue
		}
		n, r := told(&p.library, q.call, q.name)
		if r != nvml.SUCCESS {
			return r
		}
		if n != nil {
			v := int(*n)
			*q.into = &v
		}
	}
	return nvml.SUCCESS
}

func temperature(h nvml.Device) func() (uint32, nvml.Return) {
	return func() (uint32, nvml.Return) { return h.GetTemperature(nvml.TEMPERATURE_GPU) }
}

func utilization(h nvml.Device) func() (uint32, nvml.Return) {
	return func() (uint32, nvml.Return) {
		u, r := h.GetUtilizationRates()
		return u.Gpu, r
	}
}

func clock(h nvml.Device) func() (uint32, nvml.Return) {
	return func() (uint32, nvml.Return) { return h.GetClockInfo(nvml.CLOCK_SM) }
}
