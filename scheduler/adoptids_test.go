package scheduler_test

import (
	"context"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestIDsFromBeforeTheAdoption: a server takes an id from a store that came back
// without its last writes, and before it uses it another server adopts that store.
// The id may have been issued by the store that was lost; the one that is used is
// above the jump.
func TestIDsFromBeforeTheAdoption(t *testing.T) {
	for name, create := range map[string]func(w *world, failed scheduler.JobID) (scheduler.JobID, error){
		"submit": func(w *world, _ scheduler.JobID) (scheduler.JobID, error) {
			done, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, oneCall(), "k")
			if err != nil {
				return 0, err
			}
			return done.IDs[0], nil
		},
		"requeue": func(w *world, failed scheduler.JobID) (scheduler.JobID, error) {
			return w.s.Requeue(w.ctx, scheduler.Who{User: "ana"}, failed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem, err := localstore.OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { mem.Close() })
			st := &restarted{Store: mem}
			faulty := &storetest.Faulty{Store: st}
			w := worldOn(t, faulty, scheduler.DefaultTiming())
			failed := w.submit("ana")
			_, _, err = w.s.Cancel(w.ctx, failed, "ana")
			w.must(err)
			other := worldOn(t, st, scheduler.DefaultTiming())
			st.times.Add(1)
			taken := false
			faulty.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
				if taken && c.Op == "read" {
					taken, faulty.Inject = false, nil
					other.submit("bob") // adopts
				}
				taken = taken || c.Op == "allocate"
				return storetest.Healthy
			}
			id, err := create(w, failed)
			w.must(err)
			if id < 1_000_000 {
				t.Errorf("it is job %d, an id from before the adoption", id)
			}
			w.clean()
		})
	}
}

// TestIDsOfASplit: two servers adopt two stores that continue the same one, as an old
// master that has just come back and the new one. No id is given by both of these two: how
// far each jumps is a hash, so that of others it is only very likely (apart).
func TestIDsOfASplit(t *testing.T) {
	given := map[scheduler.JobID]int{}
	for side := range 2 {
		mem, err := localstore.OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mem.Close() })
		st := &restarted{Store: mem}
		w := worldOn(t, st, scheduler.DefaultTiming())
		w.submit("ana") // the past of both
		st.times.Add(int64(1 + side))
		for range 100 {
			id := w.submit("ana")
			if other, twice := given[id]; twice {
				t.Fatalf("job %d is of side %d and of side %d", id, other, side)
			}
			given[id] = side
		}
		w.clean()
	}
}

// TestListsAfterManyAdoptions: each leaves one to two million ids out, and lists look for
// jobs in none of them, also after more adoptions than a store sees in years.
func TestListsAfterManyAdoptions(t *testing.T) {
	mem, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	st := &restarted{Store: mem}
	faulty := &storetest.Faulty{Store: st}
	w := worldOn(t, faulty, scheduler.DefaultTiming())
	want := []scheduler.JobID{w.submit("ana")}
	for range 100 {
		st.times.Add(1)
		want = append(want, w.submit("ana"))
	}
	slices.Reverse(want)
	if want[0] < 100_000_000 {
		t.Fatalf("the last job is %d: the store was not adopted each time", want[0])
	}
	reads := 0
	faulty.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
		if c.Op == "read" {
			reads++
		}
		return storetest.Healthy
	}
	jobs, next, err := w.s.Jobs(w.ctx, scheduler.Filter{Limit: 1000})
	w.must(err)
	var got []scheduler.JobID
	for i := range jobs {
		got = append(got, jobs[i].ID)
	}
	if !slices.Equal(got, want) || next != 0 || reads > 3 {
		t.Errorf("%d reads for %d jobs (next %d): %v\nwant %v", reads, len(got), next, got, want)
	}
}
