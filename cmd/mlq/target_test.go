package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestFindTargets: what a name means, and that nothing is guessed.
func TestFindTargets(t *testing.T) {
	hosts := []api.Host{
		{Host: "gpu1", Devices: []api.Device{{UUID: "GPU-4f2c0"}, {UUID: "GPU-4f2c1", Index: 1}, {UUID: "GPU-9", Index: 10}}},
		{Host: "gpu2@0", Devices: []api.Device{{UUID: "GPU-a"}}},
		{Host: "gpu2@1", Devices: []api.Device{{UUID: "GPU-9a"}}},
		{Host: "gpu20", Devices: []api.Device{{UUID: "GPU-b"}, {UUID: "GPU-moved", Index: 1}}},
		{Host: "gpu21", Renewed: time.Now(), Devices: []api.Device{{UUID: "GPU-moved"}}},
	}
	for name, want := range map[string]string{
		"gpu1": "/hosts/gpu1", "gpu2": "/hosts/gpu2@0 /hosts/gpu2@1", "gpu2@1": "/hosts/gpu2@1", "gpu20": "/hosts/gpu20",
		"GPU-b": "/gpus/GPU-b", "GPU-4f2c1": "/gpus/GPU-4f2c1",
		"GPU-9":  "/gpus/GPU-9", // whole, though another begins so
		"GPU-a":  "/gpus/GPU-a",
		"GPU-m":  "/gpus/GPU-moved", // though two hosts have listed it
		"gpu1:1": "/gpus/GPU-4f2c1", "gpu2@0:0": "/gpus/GPU-a",
		"gpu1:2": `there is no host or device "gpu1:2"`,
		"GPU-4":  `"GPU-4" begins the UUIDs of 2 devices`,
		"gpu":    `there is no host or device "gpu"`,
		"":       `there is no host or device ""`,
	} {
		targets, err := findTargets(hosts, name)
		paths := make([]string, len(targets))
		for i := range targets {
			paths[i] = targets[i].path()
		}
		got := strings.Join(paths, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// TestMovedCard: the host that was heard of last has it.
func TestMovedCard(t *testing.T) {
	hosts := []api.Host{
		{Host: "old", Devices: []api.Device{{UUID: "GPU-1"}}}, {Host: "young", Renewed: time.Now(), Devices: []api.Device{{UUID: "GPU-1"}}},
	}
	for _, name := range []string{"GPU-1", "GPU-"} {
		if got, err := findTargets(hosts, name); err != nil || len(got) != 1 || got[0].host != "young" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestFindClosed: what a host lists no more is meant by its whole UUID only.
func TestFindClosed(t *testing.T) {
	hosts := []api.Host{{Host: "gpu1", Devices: []api.Device{{UUID: "GPU-4f2c0"}, {UUID: "GPU-4f2c1"}}}}
	for name, want := range map[string]string{
		"gpu1": "/hosts/gpu1", "GPU-4f2c1": "/gpus/GPU-4f2c1", "MIG-GPU-9/1/0": "/gpus/MIG-GPU-9%2F1%2F0",
		"GPU-4f2c": `"GPU-4f2c" begins the UUIDs of 2 devices`, "gpu2": `there is no host or device "gpu2"`, "GPU-": `"GPU-" begins the UUIDs of 2 devices`,
	} {
		targets, err := findClosed(hosts, name)
		if got := pathOrError(targets, err); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func pathOrError(targets []target, err error) string {
	if err != nil {
		return err.Error()
	}
	return targets[0].path()
}

// TestStillBusy: only what is leased on what was closed is waited for, and one that was opened again ends it.
func TestStillBusy(t *testing.T) {
	devices := func(by string) []api.Device {
		return []api.Device{
			{UUID: "A", Host: "a", State: "leased", DrainedBy: by}, {UUID: "B", Host: "a", State: "free", DrainedBy: by},
		}
	}
	closed := []api.Host{{Host: "a", DrainedBy: "root", Devices: devices("root")}, {Host: "b", Devices: []api.Device{{UUID: "C", Host: "b", State: "leased"}}}}
	if left, open := stillBusy(closed, []target{{host: "a"}}); len(left) != 1 || left[0].UUID != "A" || open != "" {
		t.Errorf("left %+v, open %q", left, open)
	}
	if left, open := stillBusy(closed, []target{{"a", "B"}}); len(left) != 0 || open != "" {
		t.Errorf("left %+v, open %q", left, open)
	}
	opened := []api.Host{{Host: "a", Devices: devices("")}}
	for _, what := range []target{{host: "a"}, {"a", "A"}} {
		if _, open := stillBusy(opened, []target{what}); open != what.name() {
			t.Errorf("open %q, want %q", open, what.name())
		}
	}
}
