package world

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestAlone: how a process ended is told where nobody ended it.
func TestAlone(t *testing.T) {
	t.Parallel()
	w := &World{opts: Options{Dir: t.TempDir()}}
	run := func(script string) (*Process, <-chan struct{}) {
		p := &Process{Name: script, argv: []string{"/bin/sh", "-c", script}, log: filepath.Join(w.opts.Dir, "log")}
		w.processes = append(w.processes, p)
		ended, err := p.start()
		if err != nil {
			t.Fatal(err)
		}
		return p, ended
	}
	alone, ended := run("exit 3")
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
	if got, want := w.Alone(), []string{"exit 3 ended by itself 2 times with exit status 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
