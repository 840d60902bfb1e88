package main

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// Who starts mlq dev where the driver does not answer yet reads no empty line.
func TestDevicesInWords(t *testing.T) {
	report := func(models ...string) (all []scheduler.DeviceReport) {
		for _, m := range models {
			d := scheduler.DeviceReport{}
			d.Model = m
			all = append(all, d)
		}
		return all
	}
	for want, devices := range map[string][]scheduler.DeviceReport{
		"none are known yet (mlq hosts says why)": nil,
		"1 × T4":         report("T4"),
		"2 × H, 1 × MIG": report("H", "MIG", "H"),
	} {
		if got := devicesInWords(devices); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
