package slot_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// held is a place for the groups of one test's attempts, as an agent finds it.
func held(t testing.TB) isolation.Place {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can limit devices")
	}
	p, err := isolation.Reach(context.Background(), isolation.Wish{Level: isolation.Cgroup, Owner: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p
}

// in makes a grant's job run in a group of the place.
func in(p isolation.Place) func(*slot.Grant) {
	return func(g *slot.Grant) { g.Isolation = p.Spec(int64(g.Job), g.Attempt) }
}

// card makes the file of an NVIDIA card that all may open. There is no driver: the
// kernel says ENXIO for one that may be opened, and EPERM for one that may not.
func card(t *testing.T, minor int) string {
	t.Helper()
	path := filepath.Join(openFolder(t), "nvidia"+itoa(minor))
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o666, 195<<8|minor); err != nil {
		t.Fatal(err)
	}
	if _, err := os.OpenFile(path, os.O_RDWR, 0); !errors.Is(err, syscall.ENXIO) {
		t.Fatalf("outside of a group: %v", err)
	}
	return path
}

// openFolder is a temporary folder that other users may pass through.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const opens = `
import os, subprocess, sys
def f(msg):
    def try_to_open(path):
        try:
            os.close(os.open(path, os.O_RDWR))
        except OSError as err:
            return err.strerror
        return "open"
    child = [sys.executable, "-c", "import os, sys; os.open(sys.argv[1], os.O_RDWR)", msg["other"]]
    out = {name: try_to_open(path) for name, path in msg.items()}
    out["group"] = open("/proc/self/cgroup").read()
    out["child"] = subprocess.run(child, capture_output=True, text=True).stderr.strip().split("\n")[-1]
    return out
`

func TestJobOpensNoDeviceOfOthers(t *testing.T) {
	p, own, other := held(t), card(t, 3), card(t, 7)
	b := newBench(t)
	g := b.grant(in(p), func(g *slot.Grant) {
		g.Devices = []slot.Device{{UUID: b.options.Device, Kind: gpu.KindGPU, Minor: 3}}
	})
	b.begin(g, source(t, opens, map[string]string{"own": own, "other": other, "null": "/dev/null", "ptmx": "/dev/ptmx"}))
	ended := b.await(slot.EventEnded).Ended
	var saw map[string]string
	if err := json.Unmarshal([]byte(view(t, ended)), &saw); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(saw["group"], g.Isolation.Name) {
		t.Errorf("it ran in %v", saw["group"])
	}
	const refused = "Operation not permitted"
	if saw["other"] != refused || !strings.Contains(saw["child"], refused) || saw["own"] != "No such device or address" {
		t.Errorf("it opens %v", saw)
	}
	if saw["null"] != "open" || saw["ptmx"] != "open" {
		t.Errorf("ordinary devices: %v", saw)
	}
	eventually(t, "the group is removed", func() bool {
		_, err := os.Stat(filepath.Join(g.Isolation.Parent, g.Isolation.Name))
		return os.IsNotExist(err)
	})
}

// hides starts a process that nothing but its group leads to: no parent of ours,
// a session and an environment of its own.
const hides = `
import os, signal, time
def f(msg):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.execve("/bin/sh", ["sh", "-c", "echo $$ > " + msg + "/hidden; mv " + msg + "/hidden " + msg + "/pid; exec sleep 600"], {})
        os._exit(0)
    time.sleep(600)
`

// What a job has daemonised, with another environment and session, ends with it
// even when its slot is killed: the next slot finds the group.
func TestHiddenDaemonOfADeadSlot(t *testing.T) {
	p := held(t)
	b := newBench(t)
	g := b.grant(in(p))
	b.begin(g, source(t, hides, b.dir))
	pid := hiddenPID(t, b)
	b.killSlot()
	if !processLives(pid) {
		t.Fatal("nothing outlived the slot: the test shows nothing")
	}
	b.start()
	if processLives(pid) {
		t.Error("the hidden process lives on")
	}
	s := b.client.State()
	if s.Ended == nil || s.Ended.Outcome != scheduler.OutcomeLost {
		t.Errorf("the attempt: %+v", s.Ended)
	}
	if _, err := os.Stat(filepath.Join(g.Isolation.Parent, g.Isolation.Name)); !os.IsNotExist(err) {
		t.Errorf("its group: %v", err)
	}
}

func hiddenPID(t *testing.T, b *bench) int {
	t.Helper()
	path := filepath.Join(b.dir, "pid")
	var text []byte
	eventually(t, "the hidden process is there", func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// A group that cannot be made keeps the job from running, and the device is free.
func TestGroupThatCannotBeMade(t *testing.T) {
	p := held(t)
	b := newBench(t)
	g, lock := b.lease(in(p), func(g *slot.Grant) { g.Isolation.Parent += "/gone" })
	b.send(g, lock)
	e := b.await(slot.EventError)
	if !strings.Contains(e.Detail, "control group") {
		t.Errorf("the reason is %q", e.Detail)
	}
	eventually(t, "the device is free", b.free)
}
