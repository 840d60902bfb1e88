package scheduler_test

import (
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestGapsOfAnEarlierBuild: builds before spec:gaps kept what was never issued in spec:epoch.
// Lists look for no job there, neither at first nor once this build has left out more.
func TestGapsOfAnEarlierBuild(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, w *world, past *restarted){
		"as it was":           func(*testing.T, *world, *restarted) {},
		"a server knows more": func(t *testing.T, w *world, _ *restarted) { w.s = withMark(t, w.st, 20_000_000).s },
		"it is adopted":       func(_ *testing.T, _ *world, past *restarted) { past.times.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			past := &restarted{Store: memory(t)}
			st := &storetest.Faulty{Store: past}
			w := worldOn(t, st, scheduler.DefaultTiming())
			w.submit("ana")
			w.gapOfEarlierBuild()
			then(t, w, past)
			w.submitAtLast()
			w.submitAtLast()
			w.lists(st)
		})
	}
}

// gapOfEarlierBuild has ids go on five million higher, as such a build did and noted it.
func (w *world) gapOfEarlierBuild() {
	w.Helper()
	a, err := w.st.Read(w.ctx, store.Query{Keys: []string{"spec:epoch"}, Counters: []string{"spec:ids"}})
	w.must(err)
	first := a.Counters[0] + 1
	record := fmt.Appendf(nil, `{"i":%q,"e":1,"t":1,"g":[[%d,%d]]}`, a.Identity, first, first+5_000_000)
	r, err := w.st.Commit(w.ctx, store.Commit{
		Identity: a.Identity, Guards: []store.Guard{store.At("spec:epoch", a.Records[0].Version)},
		Effects: []store.Effect{store.Put("spec:epoch", record), store.Add("spec:ids", 5_000_000)},
	})
	w.must(err)
	if !r.OK() {
		w.Fatalf("not written: %+v", r)
	}
}
