package redisstore_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestDamagedHeader: a record of which the version cannot be read is one all the same. It can be guarded
// and written over, with and without a guard, and a backup has it. A counter is none.
func TestDamagedHeader(t *testing.T) {
	t.Parallel()
	shared := redistest.Shared(t)
	namespace := redistest.Namespace(t)
	s := open(t, shared.URL(namespace))
	a := read(t, s)
	commit(t, s, store.Commit{Identity: a.Identity, Guards: []store.Guard{store.At("k", 0)}, Effects: []store.Effect{
		store.Put("k", []byte(`{"a":1}`)), store.Put("l", []byte("other")), store.Add("n", 7),
	}})
	raw := func(key string) string { return shared.Say(t, "GET mlq:{"+namespace+"}:"+key) }
	damage := func(key string) {
		t.Helper()
		if said := shared.Say(t, "SETRANGE mlq:{"+namespace+"}:"+key+" 1 ;"); !strings.HasPrefix(said, ":") {
			t.Fatal(said)
		}
	}
	for _, guarded := range []bool{true, false} {
		damage("k")
		r := read(t, s, "k", "l").Records
		if r[0].Version != store.DamagedVersion || !strings.HasSuffix(string(r[0].Value), `;{"a":1}`) || string(r[1].Value) != "other" {
			t.Fatalf("read %+v, of %s", r, raw("k"))
		}
		kept := ""
		_, err := s.Snapshot(t.Context(), func(op store.Op) error {
			if string(op.Key) == "k" {
				kept = string(op.Kind) + " " + string(op.Value)
			}
			return nil
		})
		if err != nil || kept != "put "+string(r[0].Value) {
			t.Errorf("a backup has %q: %v", kept, err)
		}
		c := store.Commit{Identity: a.Identity, Guards: []store.Guard{store.At("k", 1)}, Effects: []store.Effect{store.Put("k", []byte(`{"a":1}`))}}
		if got, err := s.Commit(t.Context(), c); err != nil || got.OK() {
			t.Errorf("the guard of the version of before holds: %+v, %v", got, err)
		}
		c.Guards = []store.Guard{store.At("l", r[1].Version)}
		if guarded {
			c.Guards = append(c.Guards, store.At("k", store.DamagedVersion))
		}
		commit(t, s, c)
		if r := read(t, s, "k").Records[0]; r.Version == store.DamagedVersion || string(r.Value) != `{"a":1}` {
			t.Errorf("written over, it is %+v", r)
		}
	}
	if r := read(t, s, "n"); r.Records[0].Version != 0 {
		t.Errorf("a counter is read as %+v", r.Records[0])
	}
}

// TestDamagedDigits: a version with a 0 in front is the same for who reads it and for who guards it, and a
// counter with something else in it stays a counter.
func TestDamagedDigits(t *testing.T) {
	t.Parallel()
	shared := redistest.Shared(t)
	namespace := redistest.Namespace(t)
	s := open(t, shared.URL(namespace))
	identity := read(t, s).Identity
	for range 12 {
		commit(t, s, store.Commit{Identity: identity, Effects: []store.Effect{store.Put("k", []byte("value"))}})
	}
	commit(t, s, store.Commit{Identity: identity, Guards: []store.Guard{store.At("m", 0)}, Effects: []store.Effect{store.Put("m", nil), store.Add("n", 1234)}})
	shared.Say(t, "SETRANGE mlq:{"+namespace+"}:k 0 0")
	r := read(t, s, "k").Records[0]
	if r.Version != 2 || string(r.Value) != "value" {
		t.Fatalf("read %+v", r)
	}
	got, err := s.Commit(t.Context(), store.Commit{
		Identity: identity, Guards: []store.Guard{store.At("k", r.Version)}, Effects: []store.Effect{store.Put("k", []byte("next"))},
	})
	if err != nil || !got.OK() {
		t.Errorf("guarded: %+v, %v", got, err)
	}
	shared.Say(t, "SETRANGE mlq:{"+namespace+"}:n 2 x")
	_, err = s.Snapshot(t.Context(), func(op store.Op) error {
		if string(op.Key) == "n" && op.Kind != store.OpCount {
			t.Errorf("a backup has a damaged counter as %s", op.Kind)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
