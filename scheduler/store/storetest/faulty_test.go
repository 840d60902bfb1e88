package storetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// TestFaulty: what becomes of a commit that counts, and what its caller hears.
func TestFaulty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault    storetest.Fault
		counted  int64
		conflict int
		err      error
	}{
		{storetest.Healthy, 1, store.NoConflict, nil},
		{storetest.LostCall, 0, 0, store.ErrUnavailable},
		{storetest.LostAnswer, 1, 0, store.ErrUnavailable},
		{storetest.Repeated, 1, 0, nil}, // the second answer: its guard does not hold any more
	} {
		s := inMemory(t)
		faulty := &storetest.Faulty{Store: s, Inject: storetest.Once("commit", c.fault)}
		r, err := faulty.Commit(t.Context(), counting(t, faulty))
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || r.Conflict != c.conflict {
			t.Errorf("fault %d: answered %+v, %v", c.fault, r, err)
		}
		a, err := faulty.Read(t.Context(), store.Query{Counters: []string{"counter"}})
		if err != nil || a.Counters[0] != c.counted {
			t.Errorf("fault %d: counted %v, %v", c.fault, a.Counters, err)
		}
	}
}

func counting(t *testing.T, s store.Store) store.Commit {
	t.Helper()
	a, err := s.Read(t.Context(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return store.Commit{
		Identity: a.Identity,
		Guards:   []store.Guard{store.Absent("mark")},
		Effects:  []store.Effect{store.Put("mark", nil), store.Add("counter", 1)},
	}
}

// TestRandomFaults: a seed makes the same faults again, of every kind.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	one, again, other := storetest.Random(7, 10), storetest.Random(7, 10), storetest.Random(8, 10)
	seen, differ := map[storetest.Fault]int{}, false
	for range 1000 {
		fault := one(context.Background(), storetest.Call{})
		if fault != again(context.Background(), storetest.Call{}) {
			t.Fatal("the same seed made another fault")
		}
		differ = differ || fault != other(context.Background(), storetest.Call{})
		seen[fault]++
	}
	if len(seen) != 4 || seen[storetest.Healthy] < 850 || !differ {
		t.Errorf("faults %v, other seeds differ: %v", seen, differ)
	}
}
