package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// startHeld runs an agent of root whose jobs run as somebody else, each in a
// control group of its own.
func (w *world) startHeld(t *testing.T, runAs string, p pyenv.Candidate) *host {
	t.Helper()
	h := &host{w: w, name: "h1", gpus: "cpu:1", data: filepath.Join(openDir(t), "data"), ended: make(chan error, 1)}
	if err := os.Mkdir(h.data, 0o711); err != nil {
		t.Fatal(err)
	}
	h.run(func(o *agent.Options) {
		o.RunAs, o.Pythons, o.Isolation = runAs, []pyenv.Candidate{p}, isolation.Cgroup
	})
	return h
}

// nvidia makes the file of a card that all may open; without a driver the kernel
// says ENXIO where a job may, and EPERM where it may not.
func nvidia(t *testing.T) string {
	t.Helper()
	path := filepath.Join(openDir(t), "nvidia0")
	if err := errors.Join(syscall.Mknod(path, syscall.S_IFCHR, 195<<8), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	return path
}

// The level that is shown is the one that jobs have.
func TestHostShowsTheIsolationReached(t *testing.T) {
	a, p := newAccount(t, "i"), openPython(t)
	w := newWorld(t, 1)
	h := w.startHeld(t, a.name, p)
	hosts, err := w.sched.Hosts(w.ctx)
	if want := "own process session and unix user, control group, own devices only"; err != nil || hosts[0].Isolation != want {
		t.Errorf("the host tells %q, %v, want %q", hosts[0].Isolation, err, want)
	}
	id, s := w.look(scheduler.Who{User: "ana"}, map[string]any{"data": h.data})
	s.is(t, a)
	s.keptApart(t, h, id)
	var saw []string
	job := w.submitFrom(scheduler.Who{User: "ana"}, call(`
def f(msg):
    try: open(msg, "r+b")
    except OSError as err: return [open("/proc/self/cgroup").read(), err.strerror]
`, nvidia(t)))
	if err := json.Unmarshal([]byte(w.value(job)), &saw); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(saw[0], fmt.Sprintf("/mlq-job-%d-1-", job)) || saw[1] != "Operation not permitted" {
		t.Errorf("the job on a CPU slot saw %q", saw)
	}
}

// A slice whose files the kernel does not tell of, here for want of a driver, is
// told of with the reason and gets no job; the card beside it gets it at once.
func TestDeviceThatCannotBeIsolated(t *testing.T) {
	a, python := newAccount(t, "u"), openPython(t)
	w := newWorld(t, 1)
	p := newScripted(t, "MIG-B-1", "GPU-A") // the slice would be first
	h := &host{w: w, name: "h1", data: filepath.Join(openDir(t), "data"), ended: make(chan error, 1)}
	if err := os.Mkdir(h.data, 0o711); err != nil {
		t.Fatal(err)
	}
	h.run(func(o *agent.Options) {
		o.RunAs, o.Pythons, o.Isolation, o.Provider = a.name, []pyenv.Candidate{python}, isolation.Cgroup, p
	})
	d, _ := w.awaitDevice("h1", "MIG-B-1", gpu.Drained)
	w.told(d.Reason, "jobs cannot be isolated on it", "no nvidia-caps")
	id := w.submitFrom(scheduler.Who{User: "ana"}, call("def f(msg): return 1", nil))
	w.value(id)
	if job := w.awaitState(id, scheduler.Succeeded); len(job.Attempts) != 1 || job.Attempts[0].Devices[0] != "GPU-A" {
		t.Errorf("attempts %+v", job.Attempts)
	}
}

// An environment that a user can write runs the user's code in the interpreter
// that is started ahead, before any lease. That has no card, and what it leaves
// behind does not see the job begin.
func TestSparesAreHeldBeforeTheirLease(t *testing.T) {
	a, p := newAccount(t, "p"), openPython(t)
	site := filepath.Join(filepath.Dir(filepath.Dir(p.Path)), "lib")
	dir := openDir(t)
	if err := os.Chown(dir, a.uid, a.gid); err != nil {
		t.Fatal(err)
	}
	// Each start says in which group it is and what the card says, and leaves a process.
	code := fmt.Sprintf(`
import os
def said(path):
    try: os.open(path, os.O_RDWR)
    except OSError as err: return err.strerror
    return "open"
seen = open("/proc/self/cgroup").read().strip().split("\n")[-1] + " " + said(%q)
if "mlq-job" in seen:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.execve("/bin/sleep", ["sleep", "600"], {})
    open(%q, "a").write(str(pid) + " " + seen + chr(10))
`, nvidia(t), filepath.Join(dir, "seen"))
	plant(t, site, fmt.Sprintf("import os; exec(%q)\n", code))
	giveTree(t, site, a)
	w := newWorld(t, 1)
	w.startHeld(t, a.name, p)
	first := w.submitFrom(scheduler.Who{User: "ana"}, call("def f(msg): return 1", nil))
	w.value(first)
	var lines []string
	w.until("a spare for the next job", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "seen"))
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
		return err == nil && strings.Contains(lines[len(lines)-1], "-spare")
	}, func() string { return strings.Join(lines, ", ") })
	for _, line := range lines {
		if !strings.HasSuffix(line, "Operation not permitted") {
			t.Errorf("a start saw %s", line)
		}
	}
	pid := number(t, strings.Fields(lines[len(lines)-1])[0])
	second := w.submitFrom(scheduler.Who{User: "ana"}, call(`
def f(msg):
    try: stat = open("/proc/" + msg + "/stat").read()
    except OSError: stat = ") Z "
    return [open("/proc/self/cgroup").read(), ") Z " in stat]`, strconv.Itoa(pid)))
	var group string
	var gone bool
	if err := json.Unmarshal([]byte(w.value(second)), &[]any{&group, &gone}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(group, fmt.Sprintf("/mlq-job-%d-1-", second)) || strings.Contains(group, "spare") || !gone {
		t.Errorf("the job ran in %q; what the spare had left is gone: %v", group, gone)
	}
}

// Whatever a slot starts as a job's user is in a group from its first moment on: else
// another process of that user could enter it before, and so leave its own group.
func TestSparesAreBornInTheirGroup(t *testing.T) {
	a, p := newAccount(t, "b"), openPython(t)
	giveTree(t, filepath.Dir(filepath.Dir(p.Path)), a)
	w := newWorld(t, 1)
	h := w.startHeld(t, a.name, p)
	slots := h.slots()
	if len(slots) != 1 {
		t.Fatalf("slots %v", slots)
	}
	stop, outside := make(chan struct{}), make(chan string, 1)
	go func() {
		found := ""
		for {
			select {
			case <-stop:
				outside <- found
				return
			default:
				if out := childOutside(slots[0], a.uid); out != "" {
					found = out
				}
			}
		}
	}()
	for range 8 {
		w.value(w.submitFrom(scheduler.Who{User: "ana"}, call("def f(msg): return 1", nil)))
	}
	close(stop)
	if found := <-outside; found != "" {
		t.Errorf("outside of any group: %s", found)
	}
}

// childOutside finds a child of the slot that runs as a user outside of all groups.
func childOutside(slot, uid int) string {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", slot))
	if err != nil {
		return err.Error()
	}
	for _, path := range tasks {
		children, _ := os.ReadFile(path) // of a thread that is gone: none
		for pid := range strings.FieldsSeq(string(children)) {
			info, err := os.Stat("/proc/" + pid)
			if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(uid) {
				continue
			}
			group, err := os.ReadFile("/proc/" + pid + "/cgroup")
			if err == nil && !strings.Contains(string(group), "/mlq-job-") {
				line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
				return pid + " " + strings.ReplaceAll(string(line), "\x00", " ") + string(group)
			}
		}
	}
	return ""
}

// A job that goes on under the next agent leaves a spare that waits in a group, in
// which no card opens: that is not for the jobs of an agent without groups.
func TestSparesOfAnAgentThatHeldJobs(t *testing.T) {
	a, p := newAccount(t, "q"), openPython(t)
	giveTree(t, filepath.Dir(filepath.Dir(p.Path)), a)
	w := newWorld(t, 1)
	h := w.startHeld(t, a.name, p)
	dir := openDir(t)
	if err := os.Chown(dir, a.uid, a.gid); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(dir, "gate")
	first := w.submitFrom(scheduler.Who{User: "ana"}, call(`
import os, time
def f(msg):
    open(msg + " reached", "w").close()
    while not os.path.exists(msg): time.sleep(0.01)`, gate))
	w.until("the job to run", func() bool { // until then the agent's end gives it back
		_, err := os.Stat(gate + " reached")
		return err == nil
	}, func() string { return "it does not" })
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	h.ended = make(chan error, 1)
	h.run(func(o *agent.Options) { o.RunAs, o.Pythons, o.Isolation = a.name, []pyenv.Candidate{p}, isolation.None })
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.value(first)
	spare := []string{fmt.Sprintf("/mlq-job-%d-1-", first), "-spare"}
	w.until("a spare in a group", func() bool { return inGroupOf(t, spare...) }, func() string { return "none" })
	second := w.submitFrom(scheduler.Who{User: "ana"}, call("def f(msg): return open('/proc/self/cgroup').read()", nil))
	if group := w.value(second); strings.Contains(group, "/mlq-job-") {
		t.Errorf("without groups it ran in %q", group)
	}
	w.until("that spare to end", func() bool { return !inGroupOf(t, spare...) }, func() string { return "it lives" })
}

// inGroupOf reports whether a process is in a group with all of this in its name.
func inGroupOf(t *testing.T, parts ...string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(string(text), part) })
	})
}

// What cannot be had is a refusal at the start.
func TestIsolationThatCannotBeHad(t *testing.T) {
	w := newWorld(t, 1)
	o, err := hostOptions("h1", t.TempDir(), "cpu:1", w.sched, w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	o.JobLimits = isolation.Limits{Memory: 1 << 30}
	if made, err := agent.New(w.ctx, o); err == nil || !strings.Contains(err.Error(), "nothing here can hold a job to a limit") {
		t.Errorf("%v, %v", made, err)
	}
}

// The log says how jobs are held in a field of its own: "level" is the log's.
// On a host where nothing is missing it says nothing.
func TestIsolationInTheLog(t *testing.T) {
	w := newWorld(t, 1)
	o, err := hostOptions("h1", t.TempDir(), "cpu:1", w.sched, w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.Log, o.Isolation = zerolog.New(&out), isolation.Auto
	if _, err := agent.New(w.ctx, o); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Count(line, `"level":`) != 1 {
			t.Errorf("not one level: %s", line)
		}
	}
}
