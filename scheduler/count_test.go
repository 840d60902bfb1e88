package scheduler_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// faultyWorld is a world with something between it and its store.
func faultyWorld(t *testing.T) (*world, *storetest.Faulty) {
	mem, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	st := &storetest.Faulty{Store: mem}
	return worldOn(t, st, scheduler.DefaultTiming()), st
}

// TestCountOfWhatEndsMeanwhile: a job ends between the reads of a count, any two of
// them. It is counted once all the same.
func TestCountOfWhatEndsMeanwhile(t *testing.T) {
	w, st := faultyWorld(t)
	h := w.host("gpu1", 1)
	reads := 0
	for before := 1; before == 1 || before <= reads; before++ {
		w.submit("ana")
		lease := w.start(h.take(nil))
		reads = 0
		st.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
			if reads++; reads == before {
				inject := st.Inject
				st.Inject = nil
				w.succeed(lease)
				st.Inject = inject
			}
			return storetest.Healthy
		}
		n, err := w.s.JobCount(w.ctx)
		st.Inject = nil
		w.must(err)
		if n[scheduler.Running]+n[scheduler.Succeeded] != int64(before) {
			t.Errorf("of %d jobs, one of which ended before read %d, are counted %v", before, before, n)
		}
	}
	if reads < 3 {
		t.Errorf("%d reads: nothing came between them", reads)
	}
	w.clean()
}

// TestCountOfWhatComesMeanwhile: jobs of a kind, and on a host, that there was not when the count began
// are in it.
func TestCountOfWhatComesMeanwhile(t *testing.T) {
	w, st := faultyWorld(t)
	reads := 0
	for before := 1; before == 1 || before <= reads; before++ {
		reads = 0
		st.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
			if reads++; reads == before {
				inject := st.Inject
				st.Inject = nil
				h := w.host(fmt.Sprint("gpu", before), 1)
				w.submit("ana")
				w.start(h.take(nil))
				w.submit("ana", func(s *scheduler.Submission) { s.Request.GPUMem = int64(before) * 10 << 30 })
				st.Inject = inject
			}
			return storetest.Healthy
		}
		n, err := w.s.JobCount(w.ctx)
		st.Inject = nil
		w.must(err)
		counted := n[scheduler.Running] + n[scheduler.Queued]
		if most := int64(2 * before); counted != most && counted != most-2 { // all of that moment, or none of it
			t.Errorf("of %d jobs, the last two before read %d, are counted %v", most, before, n)
		}
	}
}
