package probe

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestDeaf: a child that does not end at the end of its input is killed.
func TestDeaf(t *testing.T) {
	times := quick()
	times.Quiet = 50 * time.Millisecond
	s := twoGPUs
	s.Deaf = true
	w := newWorld(t, s, Options{Times: times})
	w.devices()
	if err := w.Detach(); err != nil || alive(w.pids()[0]) {
		t.Errorf("%v; it lives: %v", err, alive(w.pids()[0]))
	}
}

// TestClose: nothing is left, whatever goes on; and nothing hangs on it.
func TestClose(t *testing.T) {
	s := twoGPUs
	s.Hang = []string{"open"}
	w := newWorld(t, s, Options{})
	events := w.Watch(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := w.Devices(context.Background())
		answer <- err
	}()
	eventually(t, "a child", func() bool { return len(w.pids()) == 1 })
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		if err == nil {
			t.Error("devices of a closed probe")
		}
	case <-time.After(patience):
		t.Error("Devices hangs")
	}
	if _, open := <-events; open {
		t.Error("an event of a closed probe")
	}
	if _, open := <-w.Watch(t.Context()); open {
		t.Error("an event for who watches a closed probe")
	}
}

// TestStuck: while a killed child does not go, because it hangs inside the
// kernel, no other is started beside it, and Close does not wait for ever. Here a
// kill that does nothing stands for the kernel.
func TestStuck(t *testing.T) {
	times := quick()
	times.Quiet, times.Kill = 50*time.Millisecond, 50*time.Millisecond
	var lets atomic.Bool
	w := newWorld(t, twoGPUs, Options{Times: times, kill: func(p *os.Process) error {
		if lets.Load() {
			return p.Kill()
		}
		return nil
	}})
	w.devices()
	pid := w.pids()[0]
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the words", func() bool {
		w.sample("GPU-1")
		return strings.Contains(w.Info().Problem, "cannot be ended; if it stays so, restart the machine")
	})
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultDown {
		t.Errorf("%+v", got)
	}
	if err := w.Detach(); err == nil || !strings.Contains(err.Error(), "hangs inside the driver") {
		t.Errorf("detach: %v", err)
	}
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	if len(w.pids()) != 1 {
		t.Errorf("%d children", len(w.pids()))
	}
	lets.Store(true)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // the kernel lets it go
		t.Fatal(err)
	}
	w.answers("GPU-1")
}

func TestNextPause(t *testing.T) {
	times := DefaultTimes()
	var got []time.Duration
	pause := time.Duration(0)
	for range 7 {
		pause = nextPause(pause, false, times)
		got = append(got, pause/time.Second)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got[i] != want {
			t.Fatalf("pauses of %d s", got)
		}
	}
	if pause = nextPause(pause, true, times); pause != time.Second {
		t.Errorf("after a steady one %v", pause)
	}
}
