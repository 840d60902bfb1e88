package agent_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/scheduler"
)

// A second agent of a name, in another folder, does not end the first while that
// one lives; when it is silent, the name is free.
func TestTwoAgentsWithOneName(t *testing.T) { bothWays(t, 3, testTwoAgentsWithOneName) }

func testTwoAgentsWithOneName(t *testing.T, w *world) {
	first := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	o, err := hostOptions("h1", t.TempDir(), "cpu:1", w.scheduler("h1"), w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	second, err := agent.New(w.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	err = errors.Join(second.Run(ctx), second.Close())
	if !errors.Is(err, agent.ErrNameTaken) {
		t.Fatalf("the second one ended with %v", err)
	}
	w.told(err.Error(), "h1", "--name", "ago")
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	w.start("h1", "cpu:1", nil)
	w.handedOn()
}

// An agent whose name another process has taken all the same kills its jobs, and
// ends with an error.
func TestReplacedAgent(t *testing.T) { bothWays(t, 10, testReplacedAgent) }

func testReplacedAgent(t *testing.T, w *world) {
	first := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	if _, err := w.sched.Join(w.ctx, scheduler.Inventory{Host: "h1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-first.ended:
		first.ended <- nil
		if !errors.Is(err, agent.ErrReplaced) {
			t.Fatalf("the older one ended with %v", err)
		}
		w.told(err.Error(), "h1")
	case <-time.After(patience):
		t.Fatal("the older one goes on")
	}
	g.gone(pid)
	w.start("h1", "cpu:1", nil)
	g.running(2)
	g.open()
	job := w.awaitState(g.id, scheduler.Succeeded)
	if n := len(job.Attempts); n != 2 {
		t.Errorf("%d attempts", n)
	}
	w.handedOn()
}

func TestDataFolderIsOneAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	h := w.start("h1", "cpu:1", nil)
	o, err := hostOptions("h2", h.data, "cpu:1", w.sched, w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.New(w.ctx, o); !errors.Is(err, agent.ErrDataDirTaken) {
		t.Errorf("a second agent in the folder: %v", err)
	}
}
