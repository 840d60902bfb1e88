package slot_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestResultOverTheLimit(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxResult = 10_000 })
	g := b.grant()
	b.begin(g, source(t, "def f(msg): return b'x' * 20_000", 1))
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "10000 are allowed")
	b.done(g)
	// Past the runner, straight into the descriptor.
	ended := b.run(source(t, "import os\ndef f(msg):\n    os.write(4, b'x' * 20_000)\n    os._exit(0)", 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "10000 are allowed")
}

func TestBrokenResult(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg):\n    os.write(4, b'nonsense')\n    os._exit(0)", 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "the result is broken")
}

func TestFullSpool(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs root and mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := newBench(t, func(o *slot.Options) { o.Spool = filepath.Join(dir, "spool") })
	g := b.grant()
	b.begin(g, source(t, "def f(msg): return b'x' * 10_000_000", 1))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "the host's spool is full")
	if !b.free() {
		t.Error("the device is still locked")
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}
