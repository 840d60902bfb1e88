package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// TestGPUsTable: state, who, since, until, model and memory of each device, and a
// simulated one says so.
func TestGPUsTable(t *testing.T) {
	now := time.Now()
	devices := []api.Device{
		{Host: "a", UUID: "GPU-1", State: gpu.Leased, User: "ana", UserSince: now.Add(-2 * time.Hour), EndsBy: now.Add(90 * time.Minute), Job: 7, Model: "H100", Memory: 80 << 30, Used: 31 << 30},
		{Host: "a", UUID: "GPU-2", Index: 1, State: gpu.Leased, User: "another user", UserSince: now.Add(-time.Minute), Model: "H100", Memory: 80 << 30},
		{Host: "b", UUID: "GPU-3", State: gpu.Free, Model: "A100 (simulated)", Memory: 40 << 30},
	}
	var out bytes.Buffer
	if err := gpusTable(devices, now).print(&out); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"HOST  #", "leased ana 2h0m " + now.Add(90*time.Minute).Format("15:04") + " (1h30m) 7 H100 31 GiB of 80 GiB",
		"leased another user 1m0s no limit - H100 80 GiB", "free - - - - A100 (simulated) 40 GiB", "1 of 3 devices free",
	} {
		line := strings.Split(out.String(), "\n")[i]
		if !strings.Contains(strings.Join(strings.Fields(line), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("line %d: %q has no %q", i, line, want)
		}
	}
}
