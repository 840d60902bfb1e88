package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestSimulatedIsShown: whatever names a simulated device to a person says that it
// is one, and says it of no other.
func TestSimulatedIsShown(t *testing.T) {
	now := time.Now()
	words := func(uuid string) map[string]string {
		sim := gpu.IsSimulated(uuid)
		device := api.Device{Host: "h", UUID: uuid, Kind: gpu.KindGPU, Model: "NVIDIA H200", Memory: 1 << 30, State: gpu.Leased, User: "ana", Simulated: sim}
		attempt := api.Attempt{N: 1, Host: "h", Devices: []string{uuid}, Claimed: now, Simulated: sim}
		worker := "h/" + uuid
		job := api.Job{ID: 7, State: scheduler.Running, Submitted: now, Worker: &worker, Attempts: []api.Attempt{attempt}}
		var one bytes.Buffer
		if err := describeJob(&one, &job, now); err != nil {
			t.Fatal(err)
		}
		event := api.Event{Kind: "running", Text: "on h", Simulated: sim}
		if sim {
			event.Text += " (simulated)"
		}
		return map[string]string{
			"mlq gpus":   printed(t, gpusTable([]api.Device{device}, now)),
			"mlq hosts":  printed(t, hostsTable([]api.Host{{Host: "h", Devices: []api.Device{device}}}, now)),
			"mlq lease":  printed(t, leasesTable([]api.Lease{{Host: "h", Devices: []string{uuid}}}, now)),
			"mlq usage":  printed(t, usageTable(&api.Usage{By: "device", Usage: []api.UsageOf{{Host: "h", Device: uuid}}})),
			"mlq jobs":   printed(t, jobsTable([]api.Job{job}, now)),
			"mlq job":    one.String(),
			"mlq run":    (&notices{}).of(&event),
			"mlq drain":  busyInWords([]api.Device{device}),
			"a device":   target{"h", uuid}.name(),
			"a deadline": closingInWords(&api.Closing{What: uuid, At: now}, now),
		}
	}
	for where, text := range words("SIM-00112233-4455") {
		if !strings.Contains(text, "simulated") {
			t.Errorf("%s does not say that the device is simulated: %s", where, text)
		}
	}
	for where, text := range words("GPU-00112233-4455") {
		if strings.Contains(text, "simulated") {
			t.Errorf("%s says that a real device is simulated: %s", where, text)
		}
	}
}

func TestSomeAreSimulated(t *testing.T) {
	devices := []api.Device{{State: gpu.Free}, {State: gpu.Free, Simulated: true}, {State: gpu.Leased, Simulated: true}}
	for want, list := range map[string][]api.Device{"1/1": devices[:1], "2/3 (2 simulated)": devices, "1/2 (simulated)": devices[1:]} {
		if got := freeOf(list); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func printed(t *testing.T, table *table) string {
	var out bytes.Buffer
	if err := table.print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
