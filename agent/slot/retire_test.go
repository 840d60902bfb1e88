package slot_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func (b *bench) retire() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := slot.Retire(ctx, b.options.Dir); err != nil {
		b.t.Fatal(err)
	}
}

func TestRetireEndsAnIdleSlot(t *testing.T) {
	b := newBench(t)
	pid := b.client.State().PID
	b.retire()
	eventually(t, "the slot to be gone", func() bool { return !processLives(pid) })
	b.retire() // there is none any more
	b.options.Dir = t.TempDir()
	b.retire() // there never was one
}

func TestRetireLeavesAJobAlone(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(waits)
	b.client.Close()
	b.retire()
	b.reconnect()
	if s := b.client.State(); s.Attempt == nil || s.Attempt.Fence != g.Fence || !processLives(pid) {
		t.Fatalf("state %+v, the job lives: %v", s, processLives(pid))
	}
	ended := b.cancel(g, slot.Stop{Why: "cancelled", Grace: -1})
	expect(t, ended, scheduler.OutcomeCancelled, "", "")
	b.client.Close()
	b.retire() // its end is not known to the store yet
	b.reconnect()
	if s := b.client.State(); s.Ended == nil {
		t.Errorf("the end was not kept: %+v", s)
	}
}

// A slot whose starter has gone before it listened ends: nobody would look for it.
func TestSlotWithoutAStarterEnds(t *testing.T) {
	b := newBench(t)
	b.retire()
	ready, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ready.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := b.options
	o.ReadyFD = 3
	cmd := exec.Command(self, append([]string{asSlot}, o.Args()...)...)
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended as if all were well")
		}
	case <-time.After(patience):
		t.Error("it goes on", cmd.Process.Kill())
	}
}
