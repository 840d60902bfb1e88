package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// job reads a job from the first server.
func (l *lab) job(id string) (j api.Job) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.mlq("job", id, "-o", "json")), &j); err != nil {
		l.t.Fatal(err)
	}
	return j
}

// submit runs a shell program as a job.
func (l *lab) submit(script string, flags ...string) string {
	l.t.Helper()
	args := append(append([]string{"run", "-d"}, flags...), "--", "sh", "-c", script)
	return strings.TrimSpace(l.mlq(args...))
}

// waiting is a program that says that it runs, then waits until a file appears.
func (l *lab) waiting() (script, file string) {
	file = filepath.Join(l.t.TempDir(), "go")
	return "echo begun; while [ ! -e " + file + " ]; do sleep 0.05; done; echo done", file
}

func (l *lab) touch(file string) {
	l.t.Helper()
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// TestAgentKilled: the job runs on in its slot, and the next agent adopts it.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	l := newPatientLab(t)
	script, file := l.waiting()
	id := l.submit(script)
	l.eventually("^begun$", "logs", id)
	l.agent.kill()
	l.startAgent()
	l.touch(file)
	l.mlq("result", "--wait", id)
	j := l.job(id)
	if len(j.Attempts) != 1 || j.State != scheduler.Succeeded {
		t.Errorf("job %s %s after %d attempts, want one that was adopted", id, j.State, len(j.Attempts))
	}
	if log := l.mlq("logs", id); log != "begun\ndone\n" {
		t.Errorf("log %q", log)
	}
}

// TestSlotKilled: the job's processes die with the slot; the job runs again.
func TestSlotKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	script, file := l.waiting()
	id := l.submit(script)
	l.eventually("^begun$", "logs", id)
	l.kill(`slot --device=` + l.job(id).Attempts[0].Devices[0])
	l.eventually(`attempt 2 `, "job", id)
	l.touch(file)
	l.mlq("result", "--wait", id)
	j := l.job(id)
	if j.State != scheduler.Succeeded || j.Attempts[0].Outcome != scheduler.OutcomeLost {
		t.Errorf("job %s %s, its first attempt %s", id, j.State, j.Attempts[0].Outcome)
	}
}

// TestRunnerKilled: the job fails, and says of what.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	id := l.submit("echo begun; kill -KILL $$")
	l.eventually("failed", "job", id)
	j := l.job(id)
	if j.State != scheduler.Failed || !strings.Contains(j.Detail, "SIGKILL") && !strings.Contains(j.Detail, "137") {
		t.Errorf("job %s %s (%s): %q, want a failure that names SIGKILL", id, j.State, j.Reason, j.Detail)
	}
}

// TestServerRestarted: a job that ends while no server is there is kept by its
// agent and delivered to the next one.
func TestServerRestarted(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	script, file := l.waiting()
	id := l.submit(script)
	l.eventually("^begun$", "logs", id)
	address := strings.TrimPrefix(l.servers[0].url, "http://")
	l.servers[0].kill()
	l.touch(file)
	d, err := startDaemon(l.dir, l.env(), "serve", "--data", filepath.Join(l.dir, "server0"), "--signing-key-file", filepath.Join(l.dir, "signing.key"),
		"--blobs", filepath.Join(l.dir, "blobs"), "--listen", address, "--store", l.redis)
	if err != nil {
		t.Fatal(err)
	}
	l.servers[0] = d
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	if got := strings.TrimSpace(l.mlq("result", "--wait", id)); got != "0" {
		t.Errorf("result %q, want 0", got)
	}
	l.eventually("^begun\ndone$", "logs", id)
}

// kill ends the one process of this test's folder whose command line has text.
func (l *lab) kill(text string) {
	l.t.Helper()
	var found []int
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		line := strings.ReplaceAll(string(raw), "\x00", " ")
		if err != nil || !strings.Contains(line, text) || !strings.Contains(line, l.dir) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			l.t.Fatal(err)
		}
		found = append(found, pid)
	}
	if len(found) != 1 {
		l.t.Fatalf("%d processes match %q, want one", len(found), text)
	}
	if err := syscall.Kill(found[0], syscall.SIGKILL); err != nil {
		l.t.Fatal(err)
	}
}
