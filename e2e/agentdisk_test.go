package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAgentOnAFullDisk: the disk of a host's agent has no byte left, and then is read-only for jobs' folders.
// Jobs that cannot start there wait, in words, the devices are not lost, and what runs
// is renewed; a job whose result or output found no room says so. With room again the same agent takes jobs.
func TestAgentOnAFullDisk(t *testing.T) {
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir(), redis: "memory:", gpus: "cpu:2"}
	disk := newDisk(t, filepath.Join(l.dir, "agent"), 64<<20)
	l.servers = []*daemon{l.start("serve", "--data", filepath.Join(l.dir, "server"))}
	l.admin = strings.TrimSpace(l.read("server/admin.token"))
	l.startAgent()
	l.eventually(`gpu1 +ok +2/2`, "hosts")
	write(t, filepath.Join(l.dir, "f.py"), diskJobs)
	gate := func(n int) string { return filepath.Join(l.dir, fmt.Sprint("gate", n)) }
	submit := func(call string, args ...string) string {
		return strings.TrimSpace(l.mlq(append([]string{"submit", "f.py:" + call}, args...)...))
	}
	waits := func(id, words string) {
		t.Helper()
		l.eventually(words, "why", id)
		l.eventually(`^`+id+` +queued`, "jobs")
	}

	runs := submit("large", `"`+gate(1)+`"`)
	l.eventually(`begins`, "logs", runs) // before, it is claimed, and its slot may find no room
	disk.full()
	renewed := l.leasedUntil()
	if err := eventually(20*time.Second, func() error {
		if now := l.leasedUntil(); now == "" || now == renewed {
			return fmt.Errorf("the lease of job %s ends %q, before %q", runs, now, renewed)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	small := submit("small")
	waits(small, `the host's disk is full: note whose folder that of job \d+ is: .* no space left on device`)
	if !strings.Contains(l.agent.log.String(), `"level":"error"`) || !strings.Contains(l.agent.log.String(), "releasing a job unrun") {
		t.Error("the agent's log does not say that its disk is full")
	}
	l.eventually(`gpu1 +ok +1/2`, "hosts") // it goes on, and has its other device
	write(t, gate(1), "")
	l.eventually(`^`+runs+` +failed .*the host's spool is full`, "jobs")
	l.eventually(`gpu1 +ok +2/2`, "hosts")

	disk.well()
	l.eventually(`^`+small+` +succeeded`, "jobs")
	for id := range 2 { // on each device
		submit("small", "--name", fmt.Sprint("again", id))
	}
	l.eventually(`again0`, "jobs", "--state", "succeeded")
	l.eventually(`again1`, "jobs", "--state", "succeeded")

	talks := submit("talks", `"`+gate(2)+`"`)
	l.eventually(`begins`, "logs", talks)
	disk.full()
	write(t, gate(2), "")
	l.eventually(`^`+talks+` +failed .*the host's spool is full`, "jobs") // what it returns finds no room either
	if log := l.mlq("logs", talks); !strings.Contains(log, "begins\n") || !strings.HasSuffix(log, "\n[mlq: the output from here on is lost: the host's spool is full]\n") {
		t.Errorf("its log, of %d bytes, ends with %q", len(log), log[max(0, len(log)-200):])
	}
	disk.full() // the end of the job has made room
	out := filepath.Join(disk.path, "out")
	if _, err := l.try("result", small, "--to", out); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("a result into a file on a full disk: %v", err)
	}
	disk.well()
	for path := range disk.has() {
		if !strings.HasPrefix(path, "/agent") && path != "/not-empty" {
			t.Errorf("left of it: %s", path)
		}
	}
	write(t, out, "as it was")
	disk.full()
	if _, err := l.try("result", small, "--to", out); err == nil || l.read("agent/out") != "as it was" {
		t.Errorf("over a file: %v, %q", err, l.read("agent/out"))
	}
	disk.well()
	if l.mlq("result", small, "--to", out); l.read("agent/out") != "1" {
		t.Errorf("with room: %q", l.read("agent/out"))
	}

	disk.full()
	argument := submit("size", `"`+strings.Repeat("x", 100_000)+`"`)
	waits(argument, `the host's disk is full: fetch the payload`)
	disk.well()
	l.eventually(`^`+argument+` +succeeded`, "jobs")
	if left, err := filepath.Glob(filepath.Join(disk.path, "agent/jobs/*.new")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}

	jobs := filepath.Join(disk.path, "agent", "jobs")
	must(t, unix.Mount(jobs, jobs, "", unix.MS_BIND, ""))
	must(t, unix.Mount("", jobs, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	last := submit("small")
	waits(last, `the host's disk is mounted read-only: note whose folder`)
	must(t, unix.Unmount(jobs, unix.MNT_DETACH))
	l.eventually(`^`+last+` +succeeded`, "jobs")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leasedUntil is when the leases of the host end, unless they are renewed.
func (l *lab) leasedUntil() string {
	l.t.Helper()
	return regexp.MustCompile(`"lease_until": *"[^"]+"`).FindString(l.mlq("lease", "-o", "json"))
}

const diskJobs = `import os, time

def wait(gate):
    print("begins", flush=True)
    while not os.path.exists(gate):
        time.sleep(0.05)

def large(gate):
    wait(gate)
    return os.urandom(200_000)

def small():
    return 1

def size(text):
    return len(text)

def talks(gate):
    wait(gate)
    for _ in range(2000):
        print("x" * 99)
    return None
`
