package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/api/audit"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

func memory(t *testing.T) store.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func onRedis(t *testing.T) store.Store {
	t.Helper()
	st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// TestNewestFirst: what several servers write at once is there once each, numbered
// without gaps, and read in pages from the newest.
func TestNewestFirst(t *testing.T) {
	for name, open := range map[string]func(*testing.T) store.Store{"embedded": memory, "redis": onRedis} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			var servers sync.WaitGroup
			for range 4 {
				servers.Go(func() {
					log := audit.New(st)
					for range 10 {
						if err := log.Append(context.Background(), audit.Entry{User: "root", Path: "/hosts/gpu1/drain"}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			servers.Wait()
			log := audit.New(st)
			first, _, err := log.Read(t.Context(), 0, 15)
			if err != nil {
				t.Fatal(err)
			}
			rest, _, err := log.Read(t.Context(), first[len(first)-1].Number, 100)
			if err != nil {
				t.Fatal(err)
			}
			all := slices.Concat(first, rest)
			if len(all) != 40 {
				t.Fatalf("%d entries", len(all))
			}
			for i, e := range all {
				if e.Number != int64(40-i) || e.At.IsZero() || e.User != "root" {
					t.Fatalf("entry %d is %+v", i, e)
				}
			}
		})
	}
}

// TestLongIsCut: whatever is asked fits, and says that it was cut.
func TestLongIsCut(t *testing.T) {
	log := audit.New(memory(t))
	long := strings.Repeat("é\x00", 5000)
	if err := log.Append(t.Context(), audit.Entry{User: "root", Path: "/" + long, Query: long, Body: long, Status: 404}); err != nil {
		t.Fatal(err)
	}
	entries, _, err := log.Read(t.Context(), 0, 1)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	e := entries[0]
	for _, text := range []string{e.Path, e.Query, e.Body} {
		if strings.ContainsRune(text, '\uFFFD') || len(text) > 1000 {
			t.Errorf("%q", text)
		}
	}
	if !strings.HasSuffix(e.Body, "…") || e.Status != 404 || !strings.HasPrefix(e.Path, "/é") {
		t.Errorf("%+v", e)
	}
}

// put writes members as somebody who can write to the store.
func put(t *testing.T, st store.Store, members ...string) {
	t.Helper()
	a, err := st.Read(t.Context(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	c := store.Commit{Identity: a.Identity}
	for _, m := range members {
		c.Effects = append(c.Effects, store.Index("auth:audit", []byte(m)))
	}
	if _, err := st.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestNoEntry: what somebody else wrote among the entries ends no order of an admin.
func TestNoEntry(t *testing.T) {
	st := memory(t)
	put(t, st, "0")
	log := audit.New(st)
	if err := log.Append(t.Context(), audit.Entry{User: "root"}); err != nil {
		t.Fatal(err)
	}
	if entries, _, err := log.Read(t.Context(), 0, 10); err != nil || len(entries) != 1 || entries[0].User != "root" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestNoEntriesAreLeftOut: what is no entry, above, among and below the entries and however much of
// it, hides none of them, is counted, and does not change where the next page begins.
func TestNoEntriesAreLeftOut(t *testing.T) {
	st := memory(t)
	log := audit.New(st)
	for range 4 {
		if err := log.Append(t.Context(), audit.Entry{User: "root"}); err != nil {
			t.Fatal(err)
		}
	}
	var above []string
	for i := range 1200 {
		above = append(above, fmt.Sprintf("z%04d", i))
	}
	put(t, st, above...)
	put(t, st, `fffffffffffffff0{"number":1}`, `0000000000000003{"number":3`, `0000000000000003[]`, "0000000000000002", "00")
	first, leftOut, err := log.Read(t.Context(), 0, 2)
	if err != nil || len(first) != 2 || first[0].Number != 4 || first[1].Number != 3 || leftOut < 1201 {
		t.Fatalf("%+v without %d, %v", first, leftOut, err)
	}
	rest, leftOut, err := log.Read(t.Context(), 3, 10)
	if err != nil || len(rest) != 2 || rest[0].Number != 2 || rest[1].Number != 1 || leftOut != 2 {
		t.Fatalf("%+v without %d, %v", rest, leftOut, err)
	}
}

// TestOldOnesGo: the store keeps the last Keep entries.
func TestOldOnesGo(t *testing.T) {
	log := audit.New(memory(t))
	for range audit.Keep + 5 {
		if err := log.Append(t.Context(), audit.Entry{User: "root"}); err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := log.Read(t.Context(), 0, 2*audit.Keep)
	if err != nil || len(entries) != audit.Keep || entries[0].Number != audit.Keep+5 {
		t.Fatal(len(entries), err)
	}
}

// TestDamagedNumber: where the number of the last entry cannot be read, the newest one has it.
func TestDamagedNumber(t *testing.T) {
	t.Parallel()
	st := memory(t)
	l := audit.New(st)
	for i := range 3 {
		if i == 2 {
			a, err := st.Read(t.Context(), store.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put("auth:audits", []byte("x"))}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Append(t.Context(), audit.Entry{User: "root"}); err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := l.Read(t.Context(), 0, 10)
	if err != nil || len(entries) != 3 || entries[0].Number != 3 {
		t.Errorf("there are %+v, %v", entries, err)
	}
}
