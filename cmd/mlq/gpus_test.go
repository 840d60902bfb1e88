package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// TestGPUsTable: state, who, since, until, model and memory of each device, and a
// simulated one says so.
func TestGPUsTable(t *testing.T) {
	now, used := time.Now(), int64(31<<30)
	devices := []api.Device{
		{Host: "a", UUID: "GPU-1", State: gpu.Leased, User: "ana", UserSince: now.Add(-2 * time.Hour), EndsBy: now.Add(90 * time.Minute), Job: 7, Model: "H100", Memory: 80 << 30, Used: &used},
		{Host: "a", UUID: "GPU-2", Index: 1, State: gpu.Leased, User: "another user", UserSince: now.Add(-time.Minute), Model: "H100", Memory: 80 << 30},
		{Host: "b", UUID: "GPU-3", State: gpu.Free, Model: "A100 (simulated)", Memory: 40 << 30},
	}
	var out bytes.Buffer
	if err := gpusTable(devices, now).print(&out); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"HOST  #", "leased ana 2h0m " + now.Add(90*time.Minute).Format("15:04") + " (1h30m) 7 H100 31 of 80 GiB",
		"leased another user 1m0s no limit - H100 80 GiB", "free - - - - A100 (simulated) 40 GiB", "1 of 3 devices free",
	} {
		line := strings.Split(out.String(), "\n")[i]
		if !strings.Contains(strings.Join(strings.Fields(line), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("line %d: %q has no %q", i, line, want)
		}
	}
}

// TestGPUsTellsWhy: who holds a foreign device, what mends a sick one, and slices
// under their GPU; the lines of the table fit a terminal, --wide has one line each.
func TestGPUsTellsWhy(t *testing.T) {
	now, used := time.Now(), int64(31<<30)
	percent, watts, degrees := 97, 301.5, 65
	devices := []api.Device{
		{Host: "gpu1", UUID: "GPU-4f2c0a1b-1", State: gpu.Leased, User: "ana", UserSince: now.Add(-2 * time.Hour), EndsBy: now.Add(80 * time.Hour), Job: 12345, Reason: "runs job 12345", Model: "NVIDIA H100 80GB HBM3", Memory: 80 << 30, Used: &used, Utilization: &percent, Power: &watts, Temperature: &degrees, Reported: now.Add(-50 * time.Second)},
		{Host: "gpu1", UUID: "GPU-4f2c0a1b-2", Index: 1, State: gpu.Foreign, Since: now.Add(-3 * time.Hour), Reason: "used by process 4711 (python) of eve with 20 GiB", Model: "NVIDIA H100 80GB HBM3", Memory: 80 << 30, Foreign: []api.Foreigner{{User: "eve", PID: 4711}, {User: "eve", PID: 4712}, {UID: 1007, PID: 9}}},
		{Host: "gpu1", UUID: "GPU-4f2c0a1b-3", Index: 2, State: gpu.Sick, Reason: "Xid 79", Health: &api.DeviceHealth{Sick: "Xid 79", Mend: "reset the card (mlq gpu detach, nvidia-smi --gpu-reset, mlq gpu attach), then mlq gpu reset-health"}},
		{Host: "gpu1", UUID: "MIG-1", Parent: "GPU-77777777-4", Index: 3, State: gpu.Free},
		{Host: "gpu1", UUID: "MIG-2", Parent: "GPU-77777777-4", Index: 4, State: gpu.Free},
	}
	narrow, wide := printed(t, gpusTable(devices, now)), printed(t, wideTable(devices, now))
	for _, want := range []string{
		"97%", "foreign eve,user 1007 3h0m", "\n used by process 4711 (python) of eve with 20 GiB\n", "mended by: reset the card", "sliced", "└ 4",
		"\n a GPU cut into 2 slices\n", "2 of 5 devices free\nreadings are up to 50s old\n",
	} {
		if !strings.Contains(oneSpace(narrow), want) {
			t.Errorf("no %q in\n%s", want, narrow)
		}
	}
	if strings.Contains(narrow, "runs job") {
		t.Errorf("a column says so already:\n%s", narrow)
	}
	for line := range strings.Lines(narrow) {
		if utf8.RuneCountInString(line) > 121 {
			t.Errorf("too wide: %s", line)
		}
	}
	for _, want := range []string{"65°C 302 W", "50s", "GPU-4f2c0a1b-2 used by process"} {
		if !strings.Contains(oneSpace(wide), want) {
			t.Errorf("no %q in\n%s", want, wide)
		}
	}
	if n := strings.Count(wide, "\n"); n != 1+5+1+2 {
		t.Errorf("%d lines:\n%s", n, wide)
	}
}

// TestGPUsNamesTheOtherAgents: of a device that several list, below its row.
func TestGPUsNamesTheOtherAgents(t *testing.T) {
	for want, d := range map[string]api.Device{
		"\n also offered by gpu1@0, gpu1@1\n": {State: gpu.Free, AlsoOn: []string{"gpu1@0", "gpu1@1"}},
		"\n Xid 79; also offered by gpu1@0\n": {State: gpu.Sick, Reason: "Xid 79", AlsoOn: []string{"gpu1@0"}},
		"1 of 1 device free\n":                {State: gpu.Free},
	} {
		text := oneSpace(printed(t, gpusTable([]api.Device{d}, time.Now())))
		if !strings.Contains(text, want) || len(d.AlsoOn) == 0 && strings.Contains(text, "also") {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

// oneSpace has one space between words.
func oneSpace(text string) string { return regexp.MustCompile(` +`).ReplaceAllString(text, " ") }

func TestDriversInWords(t *testing.T) {
	got := driversInWords([]api.Driver{{Host: "a", Driver: "580"}, {Host: "b", Problem: "mismatch: reboot", Warnings: []string{"no slices"}}})
	if want := []string{"b: mismatch: reboot", "b: no slices"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestGPUsTellsOfADriverOnce: below all, however many devices it has.
func TestGPUsTellsOfADriverOnce(t *testing.T) {
	answer := api.GPUs{
		GPUs: []api.Device{
			{Host: "a", UUID: "GPU-1", State: gpu.Unknown, Reason: "the driver cannot be asked: another version: reboot"},
			{Host: "a", UUID: "GPU-2", Index: 1, State: gpu.Unknown, Job: 7, Reason: "the driver cannot be asked: another version: reboot; runs job 7"},
			{Host: "b", UUID: "GPU-3", State: gpu.Unknown, Reason: "the driver did not answer in time: no answer within 3s"},
		},
		Drivers: []api.Driver{{Host: "a", Problem: "another version: reboot"}, {Host: "b", Driver: "580"}},
	}
	for _, wide := range []bool{false, true} {
		var out bytes.Buffer
		if err := showGPUs(streams{out: &out}, "table", &answer, wide); err != nil {
			t.Fatal(err)
		}
		text := oneSpace(out.String())
		for what, want := range map[string]int{
			"another version": 1, "\na: another version: reboot\n": 1, "the driver cannot be asked": 2,
			"the driver cannot be asked; runs job 7\n": 1, "no answer within 3s\n": 1,
		} {
			if got := strings.Count(text, what); got != want {
				t.Errorf("wide %v: %q stands there %d times, want %d:\n%s", wide, what, got, want, text)
			}
		}
	}
	if !strings.Contains(answer.GPUs[0].Reason, "reboot") {
		t.Error("the answer itself has changed")
	}
}

// TestGPUsOfAHostWithoutAny: its agent has joined, and waits for the driver.
func TestGPUsOfAHostWithoutAny(t *testing.T) {
	for want, drivers := range map[string][]api.Driver{
		"no devices: no agent has joined\n":               nil,
		"no devices: no host has any\nb: is not loaded\n": {{Host: "b", Problem: "is not loaded"}},
	} {
		var out bytes.Buffer
		if err := showGPUs(streams{out: &out}, "table", &api.GPUs{Drivers: drivers}, false); err != nil || out.String() != want {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}

func TestLinksTable(t *testing.T) {
	text := printed(t, linksTable([]api.Host{{
		Host: "gpu1", Devices: []api.Device{{UUID: "GPU-a", Index: 0}, {UUID: "GPU-b", Index: 3}},
		Links: []api.AgentLink{{A: "GPU-a", B: "GPU-b", NVLinks: 18, Level: gpu.LevelNode}},
	}}))
	if want := "gpu1 0 3 18 NODE GPU-a GPU-b\n"; !strings.HasSuffix(oneSpace(text), want) {
		t.Errorf("got %s", text)
	}
}
