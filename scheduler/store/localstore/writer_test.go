package localstore

import (
	"errors"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func memory(t *testing.T) *Store {
	t.Helper()
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// batch runs commits in one batch, as if they had waited together.
func (s *Store) batch(commits ...store.Commit) (results []store.Result, errs []error) {
	results = make([]store.Result, len(commits))
	requests := make([]*request, len(commits))
	for i, c := range commits {
		c.Identity = s.identity
		requests[i] = &request{done: make(chan error, 1), run: func(t *txn) (err error) {
			results[i], err = t.commit(c)
			return err
		}}
	}
	s.answer(requests)
	for _, r := range requests {
		errs = append(errs, <-r.done)
	}
	return results, errs
}

func put(key string, guards ...store.Guard) store.Commit {
	return store.Commit{Guards: guards, Effects: []store.Effect{store.Put(key, nil)}}
}

// TestBatch: commits of one batch are decided one after the other, each by
// itself: a later one sees what an earlier one did, and a refused one has no
// part in what the others become.
func TestBatch(t *testing.T) {
	t.Parallel()
	s := memory(t)
	index := store.Commit{Effects: []store.Effect{store.Put("x", nil), store.Index("a", nil)}}
	results, errs := s.batch(
		put("a", store.Absent("a")),
		put("a", store.Absent("a")), // lost the race
		index,                       // a is a record
		put("b", store.At("a", 1)),
	)
	for i, want := range []store.Result{{Conflict: store.NoConflict, Revision: 1}, {Conflict: 0}, {}, {Conflict: store.NoConflict, Revision: 2}} {
		if i == 2 {
			if !errors.Is(errs[i], store.ErrInvalid) {
				t.Errorf("commit 2: %v", errs[i])
			}
			continue
		}
		if errs[i] != nil || results[i].Conflict != want.Conflict || results[i].Revision != want.Revision {
			t.Errorf("commit %d: %+v, %v; want %+v", i, results[i], errs[i], want)
		}
	}
	a, err := s.Read(t.Context(), store.Query{Keys: []string{"a", "b", "x"}})
	if err != nil || a.Records[0].Version != 1 || a.Records[1].Version != 2 || a.Records[2].Version != 0 || a.Revision != 2 {
		t.Errorf("read %+v, %v", a, err)
	}
}

// TestBatchOnFullDisk: one commit that does not fit does not take the others of
// its batch with it.
func TestBatchOnFullDisk(t *testing.T) {
	t.Parallel()
	s := memory(t)
	s.db.MaxSize = 1 << 20
	large := store.Commit{Effects: []store.Effect{store.Put("large", make([]byte, 4<<20))}}
	results, errs := s.batch(put("a"), large, put("b"))
	if errs[0] != nil || !errors.Is(errs[1], store.ErrFull) || errs[2] != nil {
		t.Fatalf("answers %v", errs)
	}
	if results[0].Revision != 1 || results[2].Revision != 2 {
		t.Fatalf("results %+v", results)
	}
}

// TestReserve: the last of the disk is for what frees.
func TestReserve(t *testing.T) {
	t.Parallel()
	s := memory(t)
	c := put("a")
	c.Identity = s.identity
	s.reserve = s.space() + 1<<40
	if _, err := s.Commit(t.Context(), c); !errors.Is(err, store.ErrFull) {
		t.Errorf("commit: %v", err)
	}
	if _, _, err := s.Allocate(t.Context(), "ids", 1); !errors.Is(err, store.ErrFull) {
		t.Errorf("allocate: %v", err)
	}
	c.Freeing = true
	if r, err := s.Commit(t.Context(), c); err != nil || r.Revision != 1 {
		t.Errorf("freeing: %+v, %v", r, err)
	}
}

// TestBroken: after a failure of which nobody knows what it left in the file,
// nothing more is written.
func TestBroken(t *testing.T) {
	t.Parallel()
	s := memory(t)
	strange := errors.New("input/output error")
	r := &request{done: make(chan error, 1), run: func(t *txn) error { t.keep(strange); return nil }}
	s.answer([]*request{r})
	if err := <-r.done; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, strange) {
		t.Fatalf("answered %v", err)
	}
	if _, errs := s.batch(put("a")); !errors.Is(errs[0], store.ErrUnavailable) {
		t.Fatalf("the next commit: %v", errs[0])
	}
	if a, err := s.Read(t.Context(), store.Query{Keys: []string{"a"}}); err != nil || a.Records[0].Version != 0 {
		t.Fatalf("read %+v, %v", a, err)
	}
}

// TestSweep: what has expired leaves the file, in steps, also while nobody
// writes.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := memory(t)
	var c store.Commit
	for i := range 3 * sweepStep {
		key := string(rune('a' + i))
		c.Effects = append(c.Effects, store.PutTTL(key, nil, time.Millisecond))
	}
	c.Effects = append(c.Effects, store.PutTTL("stays", nil, time.Hour))
	s.batch(c)
	first := s.size(t)
	if first.data < 3*sweepStep || first.data != first.expiry {
		t.Fatalf("%+v at first", first)
	}
	for now := first; now.data > 1; now = s.size(t) { // the writer's ticker sweeps
		if now.data != now.expiry {
			t.Fatalf("%+v: a record without its expiry, or the other way round", now)
		}
	}
	if a, err := s.Read(t.Context(), store.Query{Keys: []string{"stays"}}); err != nil || a.Records[0].Version != 1 || a.Revision != 1 {
		t.Fatalf("read %+v, %v", a, err)
	}
}

type size struct{ data, expiry int }

func (s *Store) size(t *testing.T) (n size) {
	t.Helper()
	err := s.db.View(func(tx *bolt.Tx) error {
		n = size{tx.Bucket(dataBucket).Stats().KeyN, tx.Bucket(expiryBucket).Stats().KeyN}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
