package e2e

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/redistest"
)

// together is a host with an agent of all its devices and agents of some, by
// UUID and by PCI address, in data folders of their own, over the same cards.
type together struct {
	*lab
	uuids []string
	files string // of the devices
}

// newTogether starts the agent of all; others are started by device. The UUIDs are
// new in each run: their locks are this machine's.
func newTogether(t *testing.T) *together {
	t.Helper()
	dir, id := t.TempDir(), strings.ToLower(rand.Text()[:12])
	g := &together{files: filepath.Join(dir, "lab.yaml")}
	text := "devices:\n"
	for i := range 3 {
		g.uuids = append(g.uuids, fmt.Sprintf("SIM-%s-%d", id, i))
		text += fmt.Sprintf("- {name: card%d, model: H100, uuid: %s, pci: \"0000:0%d:00.0\"}\n", i, g.uuids[i], i+1)
	}
	if err := os.WriteFile(g.files, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	g.lab = newLabOn(t, 1, redistest.Shared(t).URL(redistest.Namespace(t)), "sim:"+g.files)
	return g
}

func (g *together) args(device string) []string {
	return []string{
		"agent", "--data", filepath.Join(g.dir, "other"), "--server", g.servers[0].url, "--name", "gpu1",
		"--token-file", filepath.Join(g.dir, "agent.token"), "--gpus", "sim:" + g.files, "--device", device, "--python", python,
	}
}

func (g *together) startDevice(device string) {
	g.t.Helper()
	d, err := startDaemon(g.dir, g.env(), g.args(device)...)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			g.t.Error(err)
		}
		if g.t.Failed() {
			g.t.Logf("agent of %s:\n%s", device, d.log.String())
		}
	})
}

// Under many short jobs no device has two at once, and nobody is kept out: each
// agent runs some.
func TestAgentsTogether(t *testing.T) {
	t.Parallel()
	g := newTogether(t)
	g.startDevice(g.uuids[1])
	g.startDevice("0000:03:00.0")
	g.eventually(`(?s)gpu1 +ok.*gpu1@0000:03:00.0 +ok.*gpu1@`+g.uuids[1]+` +ok`, "hosts")
	const jobs = 150
	g.many(jobs)
	all := g.ended(jobs)
	overlapping(t, all)
	ran := map[string]int{}
	for i := range all {
		if all[i].State != "succeeded" {
			t.Errorf("job %d %s: %s", all[i].ID, all[i].State, all[i].Detail)
		}
		ran[all[i].Attempts[len(all[i].Attempts)-1].Host]++
	}
	for _, host := range []string{"gpu1", "gpu1@" + g.uuids[1], "gpu1@0000:03:00.0"} {
		if ran[host] == 0 {
			t.Errorf("%s ran nothing: %v", host, ran)
		}
	}
	t.Logf("jobs by agent: %v", ran)
}

// many submits short jobs, some of them for each of the agents of one device.
func (g *together) many(n int) {
	g.t.Helper()
	var batch struct {
		Jobs []map[string]any `json:"jobs"`
	}
	for i := range n {
		job := map[string]any{"command": []string{"sleep", "0.05"}}
		switch i % 5 {
		case 0:
			job["host"] = "gpu1@" + g.uuids[1]
		case 1:
			job["host"] = "gpu1@0000:03:00.0"
		}
		batch.Jobs = append(batch.Jobs, job)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		g.t.Fatal(err)
	}
	g.do(g.t, "POST", g.servers[0].url+"/jobs/batch", body).Body.Close()
}

// ended waits until all jobs have ended, and gives their records.
func (g *together) ended(n int) (all []api.Job) {
	g.t.Helper()
	if err := eventually(4*time.Minute, func() error {
		if err := json.Unmarshal([]byte(g.mlq("jobs", "-n", "1000", "-o", "json")), &all); err != nil {
			return err
		}
		left := 0
		for i := range all {
			if !all[i].State.Final() {
				left++
			}
		}
		if left > 0 || len(all) != n {
			return fmt.Errorf("%d of %d jobs have not ended", left, len(all))
		}
		return nil
	}); err != nil {
		g.t.Fatalf("%v\n%s", err, g.mlq("gpus", "--wide"))
	}
	return all
}

// overlapping fails for each device that had two leases at one time.
func overlapping(t *testing.T, all []api.Job) {
	t.Helper()
	type span struct {
		job  int64
		host string
		api.Attempt
	}
	byDevice := map[string][]span{}
	for i := range all {
		for _, a := range all[i].Attempts {
			for _, uuid := range a.Devices {
				byDevice[uuid] = append(byDevice[uuid], span{int64(all[i].ID), a.Host, a})
			}
		}
	}
	for uuid, spans := range byDevice {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.Claimed.Compare(b.Claimed), cmp.Compare(a.Fence, b.Fence)) })
		for i := 1; i < len(spans); i++ {
			if before, next := spans[i-1], spans[i]; next.Claimed.Before(before.Ended) {
				t.Errorf("%s had job %d of %s until %v, and job %d of %s from %v", uuid, before.job, before.host, before.Ended, next.job, next.host, next.Claimed)
			}
		}
	}
	if len(byDevice) == 0 {
		t.Error("nothing ran on any device")
	}
}

// Whoever else is over a card sees its lock, and says who has it.
func TestTogetherSaysWhoHasTheLock(t *testing.T) {
	t.Parallel()
	g := newTogether(t)
	file := filepath.Join(g.dir, "go")
	g.mlq("run", "-d", "--gpus", "3", "--", "sh", "-c", "until test -e "+file+"; do sleep 0.05; done")
	g.eventually(`1 +running`, "jobs")
	g.startDevice(g.uuids[1])
	g.eventually(`gpu1@`+g.uuids[1]+` +ok`, "hosts")
	g.mlq("run", "-d", "--host", "gpu1@"+g.uuids[1], "--", "true")
	said := regexp.MustCompile(`taken by another agent of this machine \(process \d+ of \S+\)`)
	if err := eventually(startPatience, func() error {
		var host struct{ Devices []api.Device }
		text := g.mlq("hosts", "-o", "json")
		var hosts []struct {
			Host    string
			Devices []api.Device
		}
		if err := json.Unmarshal([]byte(text), &hosts); err != nil {
			return err
		}
		for _, h := range hosts {
			if strings.HasPrefix(h.Host, "gpu1@") {
				host.Devices = h.Devices
			}
		}
		if len(host.Devices) != 1 || !said.MatchString(host.Devices[0].Reason) {
			return fmt.Errorf("the other agent says %+v", host.Devices)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	g.eventually(`(?s)2 +succeeded.*1 +succeeded`, "jobs")
}
