package main

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// The line names NVIDIA's devices by UUID, in the lease's order; of others, none.
func TestExportOfHold(t *testing.T) {
	for want, devices := range map[string][]string{
		"export CUDA_VISIBLE_DEVICES=GPU-b,GPU-a CUDA_DEVICE_ORDER=PCI_BUS_ID": {"GPU-b", "GPU-a"},
		"export CUDA_VISIBLE_DEVICES=MIG-1 CUDA_DEVICE_ORDER=PCI_BUS_ID":       {"MIG-1"},
		"export CUDA_VISIBLE_DEVICES= CUDA_DEVICE_ORDER=PCI_BUS_ID":            {"SIM-1", "CPU-2"},
	} {
		h := held{job: &api.Job{Lease: &api.Lease{Devices: devices}}}
		if got := h.export(); got != want {
			t.Errorf("%v: %s", devices, got)
		}
	}
}

func TestWarnAt(t *testing.T) {
	now := time.Now()
	for long, before := range map[time.Duration]time.Duration{
		2 * time.Hour: 5 * time.Minute, 50 * time.Minute: 5 * time.Minute, 10 * time.Minute: time.Minute, 10 * time.Second: time.Second,
	} {
		if got := now.Add(long).Sub(warnAt(now, now.Add(long))); got != before {
			t.Errorf("of %v, warned %v before the end", long, got)
		}
	}
}
