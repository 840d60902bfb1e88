package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// perDevice is a host with an agent for each of two devices, as
// mlq-agent@0 and mlq-agent@1 start them.
type perDevice struct {
	*lab
	agents [2]*daemon
}

func newPerDevice(t *testing.T) *perDevice {
	t.Helper()
	p := &perDevice{lab: newPatientLab(t)}
	if err := p.agent.stop(); err != nil { // the lab's own, of all devices
		t.Fatal(err)
	}
	for i := range p.agents {
		p.startDevice(i)
	}
	p.eventually(`gpu1@0 +ok(?s:.*)gpu1@1 +ok`, "hosts")
	return p
}

func (p *perDevice) args(device string, more ...string) []string {
	return append([]string{
		"agent", "--data", filepath.Join(p.dir, "data"), "--server", p.servers[0].url, "--name", "gpu1",
		"--token-file", filepath.Join(p.dir, "agent.token"), "--gpus", "sim:2", "--device", device, "--python", python,
	}, more...)
}

func (p *perDevice) startDevice(i int) {
	p.t.Helper()
	d, err := startDaemon(p.dir, p.env(), p.args(fmt.Sprint(i))...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if d.running() {
			d.kill()
		}
		if p.t.Failed() {
			p.t.Logf("agent of %d:\n%s", i, d.log.String())
		}
	})
	p.agents[i] = d
}

// deviceJobs are the functions that these tests submit. A second one that runs
// alone at the same time fails.
const deviceJobs = `import os
import time


def wait(path):
    while not os.path.exists(path):
        time.sleep(0.05)
    print(os.environ["MLQ_ATTEMPT"])


def alone(path):
    os.mkdir(path)
    time.sleep(0.5)
    os.rmdir(path)
`

func (p *perDevice) submit(function, host, path string) {
	p.t.Helper()
	source := filepath.Join(p.dir, "jobs.py")
	if err := os.WriteFile(source, []byte(deviceJobs), 0o644); err != nil {
		p.t.Fatal(err)
	}
	p.mlq("submit", "--host", host, source+":"+function, strconv.Quote(path))
}

// Two agents of one host and one data folder run a job each, at once; one that
// is started anew adopts its own, and the host's name means both.
func TestAgentPerDevice(t *testing.T) {
	t.Parallel()
	p := newPerDevice(t)
	file := filepath.Join(p.dir, "go")
	for _, host := range []string{"gpu1@0", "gpu1"} {
		p.submit("wait", host, file)
	}
	p.eventually(`(?s)1 +running.*2 +running|2 +running.*1 +running`, "jobs")
	if err := p.agents[0].stop(); err != nil {
		t.Fatal(err)
	}
	p.startDevice(0)
	if err := eventually(startPatience, func() error {
		if log := p.agents[0].log.String(); !strings.Contains(log, "adopted a job") {
			return fmt.Errorf("not adopted:\n%s", log)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.eventually(`(?s)1 +succeeded.*2 +succeeded|2 +succeeded.*1 +succeeded`, "jobs")
	for _, id := range []string{"1", "2"} {
		if log := strings.TrimSpace(p.mlq("logs", id)); log != "1" {
			t.Errorf("job %s ran as attempt %q", id, log)
		}
	}
	p.mlq("drain", "gpu1", "--reason", "new driver")
	p.eventually(`gpu1@0 +drained(?s:.*)gpu1@1 +drained`, "hosts")
	p.mlq("drain", "gpu1", "--undo")
	p.eventually(`gpu1@0 +ok(?s:.*)gpu1@1 +ok`, "hosts")
}

// An agent of a device that is not there, or that has the same name, says so.
func TestAgentOfNoDevice(t *testing.T) {
	t.Parallel()
	p := newPerDevice(t)
	for device, want := range map[string]string{
		"2":             `there is no device "2"; by index, UUID or PCI address there are 0 \(SIM-\S+, 0000:00:00.0\), 1 \(SIM-\S+, 0000:01:00.0\)`,
		`SIM\x2d0a`:     `write it as it is, with its dashes, not as systemd-escape does`,
		"99":            `there is no device "99"; by index, UUID or PCI address there are 0`,
		"GPU-*":         `there is no device "GPU-\*"; by index, UUID or PCI address there are 0`,
		"SIM-unknown":   `there is no device "SIM-unknown"; by index, UUID or PCI address there are 0`,
		"0000:99:00.0":  `there is no device "0000:99:00.0"; by index, UUID or PCI address there are 0`,
		"0":             `the data folder \S+ is in use by process \d+`,
		"../etc/passwd": `there is no device "../etc/passwd"; by index`,
	} {
		d, err := startDaemon(p.dir, p.env(), p.args(device)...)
		if err == nil {
			d.kill()
			t.Errorf("%s: an agent started", device)
		} else if !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("%s: %v", device, err)
		}
	}
}

// Two agents that offer one device under two names: the device's lock decides.
func TestTwoAgentsOfOneDevice(t *testing.T) {
	t.Parallel()
	p := newPerDevice(t)
	if _, err := p.agents[1].signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	other, err := startDaemon(p.dir, p.env(), p.args("0000:00:00.0")...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if other.running() {
			other.kill()
		}
	}()
	p.eventually(`gpu1@0000:00:00.0 +ok`, "hosts")
	file := filepath.Join(p.dir, "one")
	for range 3 {
		p.submit("alone", "gpu1", file)
	}
	p.eventually(`(?s)3 +succeeded.*2 +succeeded.*1 +succeeded`, "jobs")
	for _, c := range []struct{ command, told string }{{"detach", "has let go of the driver"}, {"attach", "has the driver again"}} {
		out := p.mlq("gpu", c.command, "gpu1@0:0")
		if !strings.Contains(out, "gpu1@0 "+c.told) || !strings.Contains(out, "gpu1@0000:00:00.0 "+c.told) {
			t.Errorf("%s says %s", c.command, out)
		}
	}
}
