package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// damage has the store give what cannot be read for a job's record, or for what it runs.
func (w *world) damage(key string, id scheduler.JobID) {
	w.t.Helper()
	a, err := w.store.Read(w.ctx, store.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	broken := store.Put(fmt.Sprintf("%s:job:%d", key, id), []byte("broken"))
	r, err := w.store.Commit(w.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{broken}})
	if err != nil || !r.OK() {
		w.t.Fatal(err, r)
	}
}

// Damaged jobs before another user's cost that one nothing: it does not wait for the check, which takes
// them out of the queue.
func TestDamagedJobsAreSteppedOver(t *testing.T) {
	bothWays(t, 1, func(t *testing.T, w *world) {
		unread, unknown := w.submit(call("def f(msg): pass", 1)), w.submit(call("def f(msg): pass", 1))
		bobs := w.submitAs("bob", call("def f(msg):\n    return msg", 2))[0]
		w.damage("live", unread)
		w.damage("spec", unknown)
		began := time.Now()
		w.start("h1", "cpu:1", nil)
		if got := w.value(bobs); got != "2" {
			t.Errorf("it gave %s", got)
		}
		if took := time.Since(began); took > scheduler.DefaultTiming().CheckEvery/2 {
			t.Errorf("it took %s", took)
		}
	})
}

// A job whose record is damaged while it runs is ended, as its result can be put nowhere; the device's
// next job runs, and what runs beside it goes on.
func TestJobIsDamagedWhileItRuns(t *testing.T) {
	bothWays(t, 10, func(t *testing.T, w *world) {
		w.start("h1", "cpu:2", nil)
		open := filepath.Join(t.TempDir(), "open")
		beside := w.submit(call("import os, time\ndef f(msg):\n    while not os.path.exists(msg): time.sleep(0.01)", open))
		w.awaitState(beside, scheduler.Running)
		damaged := w.gate()
		pid := damaged.running(1)
		w.damage("live", damaged.id)
		damaged.gone(pid)
		w.handedOn()
		if err := os.WriteFile(open, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if job := w.awaitState(beside, scheduler.Succeeded); len(job.Attempts) != 1 {
			t.Errorf("%d attempts", len(job.Attempts))
		}
	})
}
