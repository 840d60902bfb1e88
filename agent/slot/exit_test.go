package slot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// A job has the line on which a child says its exit code, and may say
// anything on it. It ends when the kernel says so, not before.
func TestAJobThatSaysItHasEnded(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, time
def f(msg):
    os.write(3, b'{"op":"exit","code":0}')
    mlq.context().update_progress(os.getpid())
    while not os.path.exists("go-on"): time.sleep(0.01)
    return "the end"
`)
	if !processLives(pid) || b.free() {
		t.Fatal("the job is still there, and so must be its lock")
	}
	if err := os.WriteFile(filepath.Join(g.JobDir, "go-on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if view(t, ended) != "the end" {
		t.Errorf("result %q", view(t, ended))
	}
}

// Of what it says only the code is believed: without a result nothing has succeeded.
func TestAJobThatLiesAboutItsCode(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os
def f(msg):
    os.write(3, b'{"op":"exit","code":0}')
    os._exit(7)
`, 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonError, "")
}

func TestAKilledJobTellsNoCode(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os, signal
def f(msg):
    os.kill(os.getpid(), signal.SIGKILL)
`, 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonKilled, "")
	if ended.Signal != "SIGKILL" {
		t.Errorf("signal %q", ended.Signal)
	}
}

// Temporary files go with the attempt; what the job put in the folder's place
// is not followed.
func TestTemporaryFilesAreRemoved(t *testing.T) {
	b := newBench(t)
	outside := t.TempDir()
	kept := filepath.Join(outside, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g := b.grant()
	b.begin(g, source(t, `
import tempfile, os
def f(msg):
    os.makedirs(os.path.join(tempfile.gettempdir(), "a", "b"))
    open(os.path.join(tempfile.gettempdir(), "a", "b", "c"), "w").close()
`, 1))
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeSucceeded, "", "")
	if _, err := os.Lstat(filepath.Join(g.JobDir, "tmp", "a")); !os.IsNotExist(err) {
		t.Errorf("temporary files stay: %v", err)
	}
	b.done(g)
	g = b.grant()
	b.begin(g, source(t, `
import os, shutil
def f(msg):
    shutil.rmtree("tmp"); os.symlink(msg, "tmp")
`, outside))
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeSucceeded, "", "")
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a link was followed: %v", err)
	}
}
