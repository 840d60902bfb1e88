package slot

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A warm parent can die right after a fork, and its child with it, so fast that the
// child is reaped before the parent's word of it was read. Its end must be told
// all the same: an attempt that got this child waits for it, with its device.
func TestChildThatWasReapedBeforeItWasKnown(t *testing.T) {
	reaped := exec.Command("true")
	if err := reaped.Run(); err != nil {
		t.Fatal(err)
	}
	dying := exec.Command("sleep", "60")
	if err := dying.Start(); err != nil {
		t.Fatal(err)
	}
	ours, theirs, err := packetPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	line, far, err := packetPair()
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	exit := make(chan syscall.WaitStatus, 1)
	p := &warmParent{
		interpreter: &interpreter{pid: dying.Process.Pid, line: ours, exit: exit},
		nursery:     &nursery{watched: map[int]chan syscall.WaitStatus{}},
		children:    map[int]*child{}, gone: make(chan struct{}),
	}
	f := &fork{line: line, done: make(chan struct{})}
	p.pending = []*fork{f}
	p.forked(reaped.Process.Pid)
	exit <- syscall.WaitStatus(syscall.SIGKILL)
	p.end()
	if err := dying.Wait(); err == nil {
		t.Error("the parent was not ended")
	}
	select {
	case <-f.child.done:
		if f.child.status.Signal() != syscall.SIGKILL {
			t.Errorf("it ended with %s", describe(f.child.status))
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody tells that the child has ended")
	}
}
