package slot_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestProgressIsPacedAndTheLastOneComes(t *testing.T) {
	b := newBench(t)
	began := time.Now()
	ended := b.run(source(t, "import mlq\ndef f(msg):\n    for x in mlq.progress(range(3000)): pass\n    mlq.context().update_progress('x' * 100_000)\n    mlq.context().update_progress('done')", 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	var last string
	n := 0
	for _, e := range b.seen {
		if e.Kind == slot.EventProgress {
			n++
			last = string(e.Progress)
		}
	}
	if last != `"done"` || n > 2+int(time.Since(began)/(250*time.Millisecond)) {
		t.Errorf("%d reports in %v, the last was %s", n, time.Since(began), last)
	}
}
