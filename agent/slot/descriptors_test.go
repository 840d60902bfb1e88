package slot_test

import (
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// The line to the slot and the result's file are the runner's: a program that a
// job executes has neither, however the runner was made.
func TestProgramsHaveNoDescriptorsOfTheRunner(t *testing.T) {
	for name, shared := range map[string]bool{"warm": false, "spare": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ended := b.run(command(t, "", "sh", "-c", "[ ! -e /proc/$$/fd/3 ] && [ ! -e /proc/$$/fd/4 ]"), func(g *slot.Grant) { g.Shared = shared })
			expect(t, ended, scheduler.OutcomeSucceeded, "", "")
		})
	}
}
