package agent

import (
	"os"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
)

// Whose a process is, under a hold and under other leases.
func TestHolderOwns(t *testing.T) {
	self, err := slot.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ana, below := uint32(1001), gpu.Process{PID: self.PID, Started: self.Start, UID: 5}
	for name, c := range map[string]struct {
		by      holder
		process gpu.Process
		want    bool
	}{
		"a hold's account":              {holder{hold: &slot.Hold{UID: &ana}}, gpu.Process{PID: 1 << 22, UID: 1001}, true},
		"another account":               {holder{hold: &slot.Hold{UID: &ana}}, gpu.Process{PID: 1 << 22, UID: 1002}, false},
		"an account that is not seen":   {holder{hold: &slot.Hold{UID: &ana}}, gpu.Process{PID: 1 << 22, UID: -1}, false},
		"root, of a hold of nobody":     {holder{hold: &slot.Hold{}}, gpu.Process{PID: 1 << 22}, false},
		"root, where there is no lease": {holder{}, gpu.Process{PID: 1 << 22}, false},
		"the account, of a plain job":   {holder{slot: self}, gpu.Process{PID: 1 << 22, UID: 1001}, false},
		"what the slot started":         {holder{slot: self, hold: &slot.Hold{UID: &ana}}, below, true},
		"what a plain job started":      {holder{slot: self}, below, true},
	} {
		if got := c.by.owns(&c.process); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
