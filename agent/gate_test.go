package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// alone takes the one device of its host for the job's process and all that it
// forks, by a lock of the kernel's: a second job there ends with BlockingIOError.
const alone = `
import fcntl, os
_device = open(os.path.dirname(os.environ["MLQ_JOB_DIR"]) + ".in-use", "w")
fcntl.flock(_device, fcntl.LOCK_EX | fcntl.LOCK_NB)
`

// gated runs until the file that its message names exists; its result is its
// process id, so that a second run would show.
const gated = alone + `
import time
def f(gate):
    open(gate + ".started", "a").write("%d\n" % os.getpid())
    while not os.path.exists(gate):
        time.sleep(0.01)
    return os.getpid()
`

// gate is a job that waits for a file.
type gate struct {
	w    *world
	id   scheduler.JobID
	path string
}

func (w *world) gate(more ...string) *gate {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "gate")
	return &gate{w: w, path: path, id: w.submit(call(gated, path, more...))}
}

// running waits until the n-th run of the job is inside the function, and
// gives its process id.
func (g *gate) running(n int) int {
	g.w.t.Helper()
	var pids []string
	g.w.until("a gated job to run", func() bool {
		b, err := os.ReadFile(g.path + ".started")
		pids = strings.Fields(string(b))
		return err == nil && len(pids) >= n && strings.HasSuffix(string(b), "\n")
	}, func() string { return strings.Join(pids, " ") })
	pid, err := strconv.Atoi(pids[n-1])
	if err != nil {
		g.w.t.Fatal(err)
	}
	return pid
}

func (g *gate) open() {
	g.w.t.Helper()
	if err := os.WriteFile(g.path, nil, 0o600); err != nil {
		g.w.t.Fatal(err)
	}
}

func (g *gate) gone(pid int) {
	g.w.t.Helper()
	g.w.until("the job's process to be gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") // a zombie runs nothing
	}, func() string { return strconv.Itoa(pid) })
}

// jobOnCard is a host with one card, GPU-A, and a gated job that runs on it as pid.
func jobOnCard(t *testing.T) (w *world, p *scripted, g *gate, pid int) {
	t.Helper()
	w, p = newWorld(t, 1), newScripted(t, "GPU-A")
	w.start("h1", "", p.use)
	g = w.gate()
	return w, p, g, g.running(1)
}
