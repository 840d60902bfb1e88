package slot_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
)

func TestTwoSlotsOnOneDevice(t *testing.T) {
	b := newBench(t)
	b.running(waits)
	other := newBench(t)
	g, lock := other.lease()
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(b.lockPath()) // the first slot's device, not locked by us
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := other.client.Grant(g, []*os.File{file}); err != nil {
		t.Fatal(err)
	}
	if e := other.await(slot.EventError); !strings.Contains(e.Detail, "locked by somebody else") {
		t.Errorf("refused with %q", e.Detail)
	}
}

func TestJobCannotHoldTheLock(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg):\n    return [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]", 1))
	if got := view(t, ended); strings.Contains(got, ".lock") || strings.Contains(got, "slot.sock") {
		t.Errorf("the job has %s", got)
	}
}
