package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestJobThereAndBack(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *world{
		"in memory": func(t *testing.T) *world { return newWorld(t, 1) },
		"on Redis":  func(t *testing.T) *world { return newRedisWorld(t, 1, nil) },
		"on HTTPS":  func(t *testing.T) *world { return newHTTPSWorld(t, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.start("h1", "cpu:1", nil)
			id := w.submit(call("def f(msg):\n    print('hello')\n    return {'twice': 2 * msg}", 21))
			if got, want := w.value(id), `{"twice":42}`; got != want {
				t.Errorf("result %s, want %s", got, want)
			}
			job, err := w.sched.Job(w.ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			a := job.Attempt()
			if a.N != 1 || a.Host != "h1" || a.Outcome != scheduler.OutcomeSucceeded || a.ExitCode != 0 || a.WorkDir == "" {
				t.Errorf("attempt %+v", a)
			}
			if log := w.shelf.log(t, id, 1); log != "hello\n" {
				t.Errorf("log %q", log)
			}
		})
	}
}

func TestCancelWithGrace(t *testing.T) { bothWays(t, 1, testCancelWithGrace) }

func testCancelWithGrace(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	path := filepath.Join(t.TempDir(), "p")
	source := `
import os, time
def f(path):
    open(path, "w").write("started")
    try:
        while True:
            time.sleep(0.01)
    finally:
        open(path, "w").write("cleaned up")
`
	id := w.submit(call(source, path))
	w.until("the job to run", func() bool { b, _ := os.ReadFile(path); return string(b) == "started" }, func() string { return "" })
	began := time.Now()
	if _, _, err := w.sched.Cancel(w.ctx, id, "ana"); err != nil {
		t.Fatal(err)
	}
	job := w.awaitState(id, scheduler.Cancelled)
	t.Logf("cancelled within %v", time.Since(began))
	if b, err := os.ReadFile(path); err != nil || string(b) != "cleaned up" {
		t.Errorf("the job left %q, %v", b, err)
	}
	if job.Attempt().Outcome != scheduler.OutcomeCancelled {
		t.Errorf("attempt %+v", job.Attempt())
	}
}

func TestRevokeToRunAgain(t *testing.T) { bothWays(t, 1, testRevokeToRunAgain) }

func testRevokeToRunAgain(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	w.start("h2", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	if _, _, err := w.sched.Revoke(w.ctx, g.id, "requeue", "root: maintenance"); err != nil {
		t.Fatal(err)
	}
	g.gone(pid)
	g.running(2)
	g.open()
	job := w.awaitState(g.id, scheduler.Succeeded)
	if len(job.Attempts) != 2 || job.Attempts[0].Outcome != scheduler.OutcomeReleased || job.Attempts[0].Host == job.Attempts[1].Host {
		t.Errorf("attempts %+v", job.Attempts)
	}
}

func TestDrainWaitsForTheJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	h := w.start("h1", "cpu:1", func(o *agent.Options) { o.Drain = true })
	g := w.gate()
	g.running(1)
	waits := w.submit(call("def f(msg):\n    return 1", nil))
	h.stop()
	select {
	case err := <-h.ended:
		t.Fatalf("ended while a job runs: %v", err)
	default:
	}
	g.open()
	if err := h.end(); err != nil {
		t.Error(err)
	}
	if job, err := w.sched.Job(w.ctx, g.id); err != nil || job.State != scheduler.Succeeded {
		t.Errorf("after the drain: %v, %v", job.State, err)
	}
	if job, err := w.sched.Job(w.ctx, waits); err != nil || job.State != scheduler.Queued {
		t.Errorf("a job was claimed while draining: %v, %v", job.State, err)
	}
}

func TestStopLeavesTheJobToTheNextAgent(t *testing.T) {
	bothWays(t, 1, testStopLeavesTheJobToTheNextAgent)
}

func testStopLeavesTheJobToTheNextAgent(t *testing.T, w *world) {
	h := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	h.ended = make(chan error, 1)
	h.run(nil)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
}

func TestFilesProgressAndLog(t *testing.T) { bothWays(t, 1, testFilesProgressAndLog) }

func testFilesProgressAndLog(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	source := `
import mlq, os
def f(msg):
    os.makedirs("out/plots", exist_ok=True)
    open("out/plots/loss.txt", "w").write("0.25")
    os.symlink("/etc/passwd", "out/secret")
    print("line " * 1000)
    mlq.context().update_progress("half")
    while not os.path.exists(msg):
        pass
    return b"x" * 100000
`
	gatePath := filepath.Join(t.TempDir(), "go")
	id := w.submit(call(source, gatePath))
	w.await(id, "to report progress", func(j scheduler.Job) bool { return j.Progress == `"half"` })
	w.until("the log to be there while the job runs", func() bool { return len(w.shelf.log(t, id, 1)) == 5001 }, func() string { return w.shelf.log(t, id, 1) })
	if err := os.WriteFile(gatePath, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.value(id); got != strings.Repeat("x", 100000) {
		t.Errorf("a result of %d bytes", len(got))
	}
	job := w.awaitState(id, scheduler.Succeeded)
	if job.Result.Inline || job.Result.FileCount != 1 {
		t.Fatalf("result %+v", job.Result)
	}
	text, err := w.shelf.read(job.Result.Files, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	m, err := blob.ParseManifest(text)
	if err != nil || len(m.Files) != 1 || m.Files[0].Name != "plots/loss.txt" {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	if b, err := w.shelf.read(m.Files[0].SHA256, 1<<20); err != nil || string(b) != "0.25" {
		t.Errorf("file %q, %v", b, err)
	}
}

func TestErrorOfAJob(t *testing.T) { bothWays(t, 1, testErrorOfAJob) }

func testErrorOfAJob(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	id := w.submit(call("def f(msg):\n    raise ValueError('no good')", nil))
	job := w.awaitState(id, scheduler.Failed)
	if job.Reason != scheduler.ReasonError || !strings.Contains(job.Detail, "no good") || job.Result.SHA256 == "" {
		t.Errorf("failed as %s: %s, result %+v", job.Reason, job.Detail, job.Result)
	}
}

func TestServerAway(t *testing.T) { bothWays(t, 10, testServerAway) }

func testServerAway(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	w.functionsAre("ana", "double") // and the server has none when the agent asks
	waits := w.submit(`{"msg": 21, "functions": ["double"]}`)
	w.await(waits, "to be given back", func(j scheduler.Job) bool { return len(j.Attempts) > 0 && j.Attempt().Outcome != "" })
	w.functionsAre("ana")
	j := w.await(waits, "to wait for its function", func(j scheduler.Job) bool {
		return j.State == scheduler.Scheduled && j.NotBefore.IsZero() && slices.Equal(j.Awaits, []string{"double"})
	})
	if a := j.Attempt(); a.Outcome != scheduler.OutcomeReleased || a.Cause != "function double is not registered" || j.Releases != 0 || len(j.Avoid) != 0 {
		t.Errorf("given back for want of a function: %+v, %d releases, avoids %v", a, j.Releases, j.Avoid)
	}

	w.shelf.setDown(true)
	w.functionsAre("ana", "double")
	w.await(waits, "to be released", func(j scheduler.Job) bool { return j.Releases > 0 })
	other := w.submit(call("def f(msg):\n    return msg", 1))
	if got := w.value(other); got != "1" {
		t.Errorf("a job that needs no server gave %s", got)
	}
	pickle, err := exec.Command(python.Path, "-c", "import cloudpickle,sys; sys.stdout.buffer.write(cloudpickle.dumps(lambda m: 2 * m))").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.shelf.register(t, "ana", "double", pickle)
	w.shelf.setDown(false)
	if got := w.value(waits); got != "42" {
		t.Errorf("after the server came back: %s", got)
	}
}
