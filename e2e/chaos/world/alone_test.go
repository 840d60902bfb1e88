package world

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestAlone: how a process ended is told where nobody ended it.
func TestAlone(t *testing.T) {
	t.Parallel()
	w := &World{opts: Options{Dir: t.TempDir()}}
	run := func(script string) (*Process, <-chan struct{}) {
		p := &Process{Name: script, argv: []string{"/bin/sh", "-c", script}, dir: w.opts.Dir, log: filepath.Join(w.opts.Dir, "log")}
		w.processes = append(w.processes, p)
		ended, err := p.start()
		if err != nil {
			t.Fatal(err)
		}
		return p, ended
	}
	gate := filepath.Join(w.opts.Dir, "gate")
	alone, ended := run("until [ -e gate ]; do sleep 0.01; done; exit 3")
	alone.up()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-ended
	if _, err := alone.start(); err != nil {
		t.Fatal(err)
	}
	killed, _ := run("exec sleep 60")
	if err := killed.Kill(); err != nil {
		t.Error(err)
	}
	alone.mu.Lock()
	again := alone.ended
	alone.mu.Unlock()
	<-again
	if got, want := w.Alone(), []string{"until [ -e gate ]; do sleep 0.01; done; exit 3 ended by itself 1 times with exit status 3, 1 times with exit status 3 before it was ready"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
