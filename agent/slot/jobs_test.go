package slot_test

import (
	"errors"
	"strconv"
	"syscall"

	"github.com/mlq-dev/mlq/agent/slot"
)

// waits is a job that says when it runs, and then waits for ever.
const waits = `
import mlq, os, time
def f(msg):
    mlq.context().update_progress(os.getpid())
    while True: time.sleep(3600)
`

// running starts a job and waits until it says its pid.
func (b *bench) running(text string, change ...func(*slot.Grant)) (slot.Grant, int) {
	b.t.Helper()
	g := b.grant(change...)
	b.begin(g, source(b.t, text, 1))
	return g, b.saidPID()
}

func (b *bench) saidPID() int {
	b.t.Helper()
	pid, err := strconv.Atoi(string(b.await(slot.EventProgress).Progress))
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

func (b *bench) cancel(g slot.Grant, s slot.Stop) *slot.Ended {
	b.t.Helper()
	if err := b.client.Cancel(g.Ref(), s); err != nil {
		b.t.Fatal(err)
	}
	return b.await(slot.EventEnded).Ended
}

// killSlot kills the slot, and returns when it is gone with all its threads: until the last has
// ended, its socket takes connections, which are then reset.
func (b *bench) killSlot() (pid int) {
	b.t.Helper()
	pid = b.client.State().PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
	for range b.client.Events() { //nolint:revive // until the connection has ended
	}
	eventually(b.t, "the slot to be gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	return pid
}
