package redisstore_test

import (
	"errors"
	"io"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestServerCopies: the documented user may take a snapshot and fill a store with
// one, but agents' may not: it would show them all tokens' hashes.
func TestServerCopies(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := asUser(t, server, documented(t, "mlq"))
	if err := uses(t, s, "spec:"); err != nil {
		t.Fatal(err)
	}
	var ops []store.Op
	revision, err := s.Snapshot(soon(t), func(op store.Op) error {
		ops = append(ops, op)
		return nil
	})
	if err != nil || len(ops) == 0 {
		t.Fatalf("snapshot of %d steps: %v", len(ops), err)
	}
	if err := s.Clear(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(soon(t), revision, stepwise(ops)); err != nil {
		t.Fatal(err)
	}
	agent := asUser(t, server, documented(t, "mlq-agent"))
	if _, err := agent.Snapshot(soon(t), func(store.Op) error { return nil }); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("an agent takes a snapshot: %v", err)
	}
}

// TestNotedSecrets: what servers commit while a snapshot is taken, tokens' hashes and
// the key of links among it, agents cannot read in the note of it either.
func TestNotedSecrets(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, agent := asUser(t, server, documented(t, "mlq")), asUser(t, server, documented(t, "mlq-agent"))
	if err := uses(t, s, "spec:"); err != nil {
		t.Fatal(err)
	}
	note := store.Query{Logs: []store.LogRange{{Log: store.RedoKey, Limit: 9}}}
	looked := false
	_, err := s.Snapshot(soon(t), func(store.Op) error {
		if looked {
			return nil
		}
		looked = true
		c := store.Commit{Identity: read(t, s).Identity, Effects: []store.Effect{store.Put("auth:token:x", []byte("its hash"))}}
		if r, err := s.Commit(soon(t), c); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
		if a, err := s.Read(soon(t), note); err != nil || len(a.Logs[0]) < 2 {
			t.Errorf("the note has %d entries, %v", len(a.Logs[0]), err)
		}
		if a, err := agent.Read(soon(t), note); !errors.Is(err, redisstore.ErrConfig) {
			t.Errorf("an agent reads the note: %v, %v", a.Logs, err)
		}
		return nil
	})
	if err != nil || !looked {
		t.Error(looked, err)
	}
}

// TestUnnoted: a process of an older build does not note what it commits, and so
// no snapshot of one moment is to be had beside it.
func TestUnnoted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	admin(t, server, "set", "mlq:{n}:live:one", "1:x")
	_, err := s.Snapshot(soon(t), func(store.Op) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Snapshot(soon(t), func(store.Op) error {
		admin(t, server, "incr", "mlq:{n}:live:rev")
		return nil
	})
	if !errors.Is(err, store.ErrSnapshot) {
		t.Errorf("a commit was not noted, and the snapshot says %v", err)
	}
}

// TestOneSnapshotAtATime: a second one would find its note emptied by the first.
func TestOneSnapshotAtATime(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	r, err := s.Commit(soon(t), store.Commit{Identity: read(t, s).Identity, Effects: []store.Effect{store.Put("live:x", nil)}})
	if err != nil || !r.OK() {
		t.Fatal(r, err)
	}
	var second error
	_, err = s.Snapshot(soon(t), func(store.Op) error {
		_, second = s.Snapshot(soon(t), func(store.Op) error { return nil })
		return nil
	})
	if err != nil || !errors.Is(second, store.ErrSnapshot) {
		t.Errorf("the first: %v; the second: %v", err, second)
	}
}

func stepwise(ops []store.Op) func() (store.Op, error) {
	return func() (op store.Op, err error) {
		if len(ops) == 0 {
			return op, io.EOF
		}
		op, ops = ops[0], ops[1:]
		return op, nil
	}
}
