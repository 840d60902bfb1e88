package scheduler_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestCheckRepairs what a broken store left: a queued job that no index lists,
// a member of no job, a device that a job without a lease holds.
func TestCheckRepairs(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	id := w.submit("ana")
	const index = "live:queue:gpus=1"
	a, err := w.st.Read(w.ctx, store.Query{Ranges: []store.Range{{Index: index, Limit: 1}}})
	w.must(err)
	stray := append([]byte{}, a.Ranges[0][0]...)
	stray[18] = 99 // another job's id
	r, err := w.st.Commit(w.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{
		store.Unindex(index, a.Ranges[0][0]), store.Unindex("live:classes", []byte("gpus=1")),
		store.Index(index, stray), store.Put("live:dev:GPU-a-0", []byte(`{"j":1,"f":5,"h":"a"}`)),
	}})
	if err != nil || !r.OK() {
		t.Fatal(r, err)
	}
	// The class is not listed any more, so the stray is found by the second check.
	var repairs []string
	for range 2 {
		report, err := w.s.Check(w.ctx)
		w.must(err)
		repairs = append(repairs, report.Repairs...)
	}
	text := strings.Join(repairs, "; ")
	for _, want := range []string{"job 1 is queued and was not listed", "listed job 99", "device GPU-a-0 was held by job 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no repair of %q in: %s", want, text)
		}
	}
	w.clean()
	if c := h.take(nil); c.Job.ID != id {
		t.Fatalf("took %+v", c)
	}
	w.clean()
}
