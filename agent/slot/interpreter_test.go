package slot_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestBadInterpreterIsRefused(t *testing.T) {
	b := newBench(t)
	g, lock := b.lease(func(g *slot.Grant) { g.Python = "/no/such/python" })
	b.send(g, lock)
	if e := b.await(slot.EventError); e.Ref() != g.Ref() || !strings.Contains(e.Detail, "/no/such") {
		t.Errorf("got %+v", e)
	}
	if !b.free() {
		t.Error("the device is still locked")
	}
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestSpareWhereWarmIsNotAllowed(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.Preload = []string{"json"} })
	for range 2 {
		g := b.grant(func(g *slot.Grant) { g.Vars = map[string]string{"OMP_NUM_THREADS": "3"} })
		b.begin(g, source(t, "import os\ndef f(msg): return [os.environ['OMP_NUM_THREADS'], open(f'/proc/{os.getppid()}/comm').read()]", 1))
		ended := b.await(slot.EventEnded).Ended
		if got := view(t, ended); !strings.HasPrefix(got, `["3",`) || strings.Contains(got, "python") {
			t.Errorf("result %s: its parent should be the slot itself", got)
		}
		b.done(g)
	}
}
