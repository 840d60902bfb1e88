package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// The spool may lie on a file system of its own, which may be full: a job whose
// result finds no room fails in words, and the host goes on.
func TestSpoolOfItsOwn(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	spool := filepath.Join(data, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", spool, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs root and mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(spool, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, 1)
	h := &host{w: w, name: "h1", gpus: "cpu:1", data: data, ended: make(chan error, 1)}
	h.run(nil)
	large := call("def f(n):\n    print('x' * 1000)\n    open('out/file', 'w').write('y' * n)\n    return b'z' * n", 1_000_000)
	if got := w.value(w.submit(large)); len(got) != 1_000_000 {
		t.Errorf("a result of %d bytes", len(got))
	}
	id := w.submit(call("def f(n): return b'z' * n", 8_000_000))
	job := w.awaitState(id, scheduler.Failed)
	if job.Reason != scheduler.ReasonRejected || !strings.Contains(job.Detail, "the host's spool is full") {
		t.Errorf("failed as %s: %s", job.Reason, job.Detail)
	}
	if got := w.value(w.submit(large)); len(got) != 1_000_000 {
		t.Errorf("afterwards a result of %d bytes", len(got))
	}
	w.until("the spool to be empty", func() bool {
		left, err := os.ReadDir(spool)
		return err == nil && len(left) == 0
	}, func() string {
		left, err := os.ReadDir(spool)
		return fmt.Sprint(left, err)
	})
}
