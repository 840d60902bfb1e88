package scheduler_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestNoIDAboveTheMark: while the mark of the highest id cannot be written, no submit gets an id that it
// does not cover, however often and for however many it asks; then they go on, with those
// that were allocated for the first that was refused.
func TestNoIDAboveTheMark(t *testing.T) {
	mem := memory(t)
	dir := filepath.Join(t.TempDir(), "not", "yet")
	mark := highwater.New(filepath.Join(dir, "highest_job_id"))
	s, err := scheduler.New(mem, scheduler.Options{HighWater: mark, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	submit := func() ([]scheduler.JobID, error) {
		done, err := s.Submit(t.Context(), scheduler.Who{User: "ana"}, oneCall(), "")
		return done.IDs, err
	}
	for n := range 20 {
		if ids, err := submit(); err == nil {
			t.Fatalf("submit %d got %v, which the mark does not cover", n, ids)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ids, err := submit()
	if err != nil {
		t.Fatal(err)
	}
	if high, err := mark.Load(); err != nil || high < ids[0] {
		t.Errorf("the mark is %d, %v; job %d was submitted", high, err, ids[0])
	}
	if ids[0] != 1 {
		t.Errorf("it is job %d: whoever was refused has used up ids, which lists look through", ids[0])
	}
	if jobs, next, err := s.Jobs(t.Context(), scheduler.Filter{}); err != nil || len(jobs) != 1 || next != 0 {
		t.Errorf("a list has %d jobs, and goes on below %d, %v", len(jobs), next, err)
	}
}

func memory(t *testing.T) *localstore.Store {
	t.Helper()
	mem, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	return mem
}

// withMark is a server that keeps the highest id, which was at least the given one.
func withMark(t *testing.T, st store.Store, mark scheduler.JobID) *world {
	t.Helper()
	w := worldOn(t, st, scheduler.DefaultTiming())
	kept := highwater.New(filepath.Join(t.TempDir(), "highest_job_id"))
	w.must(kept.Raise(mark))
	var err error
	w.s, err = scheduler.New(st, scheduler.Options{HighWater: kept, Log: zerolog.Nop()})
	w.must(err)
	return w
}

// TestListsOfASkip: another server adopted the store and did not know how far this one had
// come. It goes on above that, and lists look for no job in between: also where the store did
// not answer to what notes it, and where the other one takes an id at that moment.
func TestListsOfASkip(t *testing.T) {
	for name, disturb := range map[string]func(other *world) storetest.Fault{
		"alone":         func(*world) storetest.Fault { return storetest.Healthy },
		"not answered":  func(*world) storetest.Fault { return storetest.LostAnswer },
		"never arrived": func(*world) storetest.Fault { return storetest.LostCall },
		"beside another": func(other *world) storetest.Fault {
			other.submit("bob")
			return storetest.Healthy
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := &storetest.Faulty{Store: memory(t)}
			other := worldOn(t, st.Store, scheduler.DefaultTiming())
			other.submit("ana")
			w, left := withMark(t, st, 5_000_000), 2 // as often as a submit tries it
			st.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
				if left == 0 || !slices.ContainsFunc(c.Commit.Effects, func(e store.Effect) bool { return e.Key == "spec:gaps" }) {
					return storetest.Healthy
				}
				left--
				return disturb(other)
			}
			w.submitAtLast()
			w.submitAtLast()
			w.lists(st)
		})
	}
}

// submitAtLast submits until it is answered.
func (w *world) submitAtLast() {
	w.Helper()
	_, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, oneCall(), "")
	if errors.Is(err, store.ErrUnavailable) {
		_, err = w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, oneCall(), "")
	}
	w.must(err)
}

// lists has one page of few reads show all jobs.
func (w *world) lists(faulty *storetest.Faulty) {
	w.Helper()
	count, err := w.s.JobCount(w.ctx)
	w.must(err)
	reads := 0
	faulty.Inject = func(context.Context, storetest.Call) storetest.Fault { reads++; return storetest.Healthy }
	jobs, next, err := w.s.Jobs(w.ctx, scheduler.Filter{})
	if err != nil || int64(len(jobs)) != count[scheduler.Queued] || next != 0 || reads > 3 {
		w.Errorf("%d reads for %d of %d jobs, next %d, %v", reads, len(jobs), count[scheduler.Queued], next, err)
	}
}

// TestNoIDTwiceAfterALoss: the store was lost, and a server that never issued an id adopted
// the new one. The one that did knows all that it issued, also the few since the mark was raised.
func TestNoIDTwiceAfterALoss(t *testing.T) {
	st := &replaced{Store: memory(t)}
	w := withMark(t, st, 0)
	var before scheduler.JobID
	for range 20 {
		before = w.submit("ana")
	}
	st.Store = memory(t)
	other := worldOn(t, st, scheduler.DefaultTiming())
	for range 3 {
		other.submit("bob")
	}
	if after := w.submit("ana"); after <= before {
		t.Errorf("job %d, after it had issued %d", after, before)
	}
}

// replaced is a store in whose place another one can be put.
type replaced struct{ store.Store }
