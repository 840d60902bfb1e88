package scheduler

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

func schemaWorld(t *testing.T) store.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func builtOn(t *testing.T, st store.Store, version string) *Scheduler {
	t.Helper()
	s, err := New(st, Options{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func schemaNow(t *testing.T, s *Scheduler) (r schemaRecord) {
	t.Helper()
	f, err := s.readSchema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.load(keySchema, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// with lets this build have these migrations until the test ends.
func with(t *testing.T, list ...migration) {
	t.Helper()
	migrations = list
	t.Cleanup(func() { migrations = nil })
}

// counting is a migration of three steps that counts each of them in the store,
// and fails once at the step failAt (0: never).
func counting(failAt int) (migration, error) {
	cut := errors.New("power cut")
	return migration{"count to three", func(ctx context.Context, s *Scheduler, cursor []byte) ([]byte, error) {
		n := 0
		if cursor != nil {
			n, _ = strconv.Atoi(string(cursor))
		}
		if n++; n == failAt {
			failAt = 0
			return nil, cut
		}
		if _, _, err := s.store.Allocate(ctx, "live:steps"+strconv.Itoa(n), 1); err != nil {
			return nil, err
		}
		if n == 3 {
			return nil, nil
		}
		return []byte(strconv.Itoa(n)), nil
	}}, cut
}

func TestSchemaOfANewStore(t *testing.T) {
	m, _ := counting(0)
	with(t, m)
	st := schemaWorld(t)
	s := builtOn(t, st, "2.0")
	if err := s.OpenSchema(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if r := schemaNow(t, s); r.Schema != 2 || r.Version != "2.0" {
		t.Errorf("a new store has %+v", r)
	}
	if a, err := st.Read(t.Context(), store.Query{Counters: []string{"live:steps1"}}); err != nil || a.Counters[0] != 0 {
		t.Errorf("a new store was migrated: %v, %v", a.Counters, err)
	}
}

// TestOlderBuild: an older build refuses, names both, and writes nothing, also
// in the middle of a migration.
func TestOlderBuild(t *testing.T) {
	st := schemaWorld(t)
	old := builtOn(t, st, "1.0")
	if err := errors.Join(old.OpenSchema(t.Context(), true), old.adopt(t.Context())); err != nil {
		t.Fatal(err)
	}
	m, cut := counting(2)
	with(t, m)
	if err := builtOn(t, st, "2.0").OpenSchema(t.Context(), true); !errors.Is(err, cut) {
		t.Fatal(err)
	}
	migrations = nil
	for _, migrate := range []bool{true, false} {
		err := builtOn(t, st, "1.1").OpenSchema(t.Context(), migrate)
		if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "made by mlq 2.0") || !strings.Contains(err.Error(), "this is mlq 1.1") {
			t.Errorf("an older build is told %v", err)
		}
	}
	if err := old.adopt(t.Context()); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("an older server that runs is told %v", err)
	}
	if err := old.Run(t.Context()); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("its loops end with %v", err)
	}
}

// TestMigration: cut off at a step, it goes on there, and agents wait for it.
func TestMigration(t *testing.T) {
	st := schemaWorld(t)
	if err := builtOn(t, st, "0.9").adopt(t.Context()); err != nil { // of before there was a number
		t.Fatal(err)
	}
	m, cut := counting(2)
	with(t, m)
	s := builtOn(t, st, "2.0")
	if err := s.OpenSchema(t.Context(), false); !errors.Is(err, ErrOlderSchema) {
		t.Errorf("an agent is told %v", err)
	}
	if err := s.OpenSchema(t.Context(), true); !errors.Is(err, cut) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := builtOn(t, st, "2.0").OpenSchema(t.Context(), true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r := schemaNow(t, s); r.Schema != 2 || r.To != 0 || r.Cursor != nil {
		t.Errorf("after the migration: %+v", r)
	}
	a, err := st.Read(t.Context(), store.Query{Counters: []string{"live:steps1", "live:steps2", "live:steps3"}})
	if err != nil || a.Counters[0] != 1 || a.Counters[1] == 0 || a.Counters[2] == 0 {
		t.Errorf("steps done: %v, %v", a.Counters, err)
	}
}
