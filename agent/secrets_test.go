package agent_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

const tellSecret = "import os\ndef f(msg):\n    return [os.environ.get('A'), os.environ.get('SEED')]"

// TestSecretsWaitForTheServer: a job with secrets is not lost, and keeps nobody up, while the
// server is away.
func TestSecretsWaitForTheServer(t *testing.T) { bothWays(t, 10, testSecretsWaitForTheServer) }

func testSecretsWaitForTheServer(t *testing.T, w *world) {
	w.shelf.setSecrets(map[string]string{"A": "sealed"})
	w.shelf.setDown(true)
	w.start("h1", "cpu:1", nil)
	waits := w.submit(call(tellSecret, 1, `secrets=["A"]`, `env_vars={"SEED":"7"}`))
	w.await(waits, "to be released", func(j scheduler.Job) bool { return j.Releases > 0 })
	if got := w.value(w.submit(call("def f(msg):\n    return msg", 1))); got != "1" {
		t.Errorf("a job that needs no server gave %s", got)
	}
	w.shelf.setDown(false)
	if got := w.value(waits); got != `["sealed","7"]` {
		t.Errorf("the job found %s", got)
	}
}

// TestASecretThatWasRemoved: the job fails at once, whatever it may retry.
func TestASecretThatWasRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.start("h1", "cpu:1", nil)
	job := w.awaitState(w.submit(call(tellSecret, 1, `secrets=["A"]`, `retries=5`)), scheduler.Failed)
	if job.Reason != scheduler.ReasonRejected || len(job.Attempts) != 1 || job.Failures != 0 && job.Retries != 5 {
		t.Errorf("it ended with %s after %d attempts: %+v", job.Reason, len(job.Attempts), job)
	}
}

// TestAServerThatLeavesASecretOut: no job starts without what it named.
func TestAServerThatLeavesASecretOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.shelf.setSecrets(map[string]string{"PATH": "/evil"})
	w.start("h1", "cpu:1", nil)
	id := w.submit(call(tellSecret, 1, `secrets=["A"]`))
	w.await(id, "to be released", func(j scheduler.Job) bool { return j.Releases > 0 })
	w.shelf.setSecrets(map[string]string{"A": "sealed", "SEED": "not named"})
	if got := w.value(id); got != `["sealed",null]` {
		t.Errorf("the job found %s", got)
	}
}

// TestMoreVariablesThanCanBeGiven: what no process could be told is refused in words.
// As JSON, which has six bytes for each of these, 60 KiB are 360.
func TestMoreVariablesThanCanBeGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.start("h1", "cpu:1", nil)
	job := w.awaitState(w.submit(`{"command":["true"],"env_vars":{"A":"`+strings.Repeat("<", 60<<10)+`"}}`), scheduler.Failed)
	if job.Reason != scheduler.ReasonRejected || !strings.Contains(job.Detail, "variables and secrets have 368648 bytes as JSON") {
		t.Errorf("it ended with %s: %.100s", job.Reason, job.Detail)
	}
	w.shelf.setSecrets(map[string]string{"A": strings.Repeat("v", 150<<10)})
	w.awaitState(w.submit(call(tellSecret, 1, `secrets=["A"]`)), scheduler.Succeeded)
}
