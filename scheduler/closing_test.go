package scheduler

import (
	"strings"
	"testing"
	"time"
)

// TestClosingNamesASimulatedDevice: the words of a job's end and of its event say so.
func TestClosingNamesASimulatedDevice(t *testing.T) {
	for what, want := range map[string]string{"SIM-1": "simulated SIM-1 is closed", "GPU-1": "GPU-1 is closed", "host": "host is closed"} {
		c := Closing{At: time.Unix(1, 0), What: what, By: "root"}
		if got := c.reason(); got != "root ("+want+")" {
			t.Errorf("reason %q", got)
		}
		if got := c.words(); !strings.HasPrefix(got, want+" at ") {
			t.Errorf("event %q", got)
		}
	}
}
