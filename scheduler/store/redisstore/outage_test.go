package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestRestart: after a restart the data is there, the identity is another, and
// whoever decided on what it read before is told so.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "always")
	s := open(t, server.URL("n"))
	before := read(t, s)
	commit(t, s, counting(before.Identity, "a"))

	server.Kill(t)
	if _, err := s.Read(soon(t), store.Query{}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("read of a dead server: %v", err)
	}
	if _, err := s.Watch(soon(t), "t"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("watch on a dead server: %v", err)
	}
	server.Restart(t)

	r := commit(t, s, counting(before.Identity, "b"))
	after := read(t, s, "a", "b")
	if r.Conflict != store.ConflictIdentity || r.Identity != after.Identity || after.Identity == before.Identity {
		t.Fatalf("commit under the identity of before the restart: %+v", r)
	}
	if after.Records[0].Version != 1 || after.Records[1].Version != 0 || after.Revision != 1 {
		t.Fatalf("after the restart: %+v", after)
	}
	if _, identity, err := s.Allocate(soon(t), "ids", 1); err != nil || identity != after.Identity {
		t.Fatalf("allocate: %q, %v", identity, err)
	}
}

// TestHungServer: a server that was stopped for a while has carried out a call
// once or not at all, whoever has left meanwhile.
func TestHungServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	identity := read(t, s).Identity
	server.Pause(t)
	if _, err := s.Commit(soon(t), counting(identity, "a")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("commit to a hung server: %v", err)
	}
	server.Resume(t)
	commit(t, s, counting(identity, "a"))
	if n := read(t, s).Counters[0]; n != 1 {
		t.Fatalf("counted %d times", n)
	}
}

// TestForgottenScripts: SCRIPT FLUSH under load costs nobody anything.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	load(t, s, func() { admin(t, server, "script", "flush") })
}

// TestKilledClients: a killed connection costs its callers an error, and a
// repeat counts nothing twice.
func TestKilledClients(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := &insistent{Store: open(t, server.URL("n"))}
	load(t, s, func() { admin(t, server, "client", "kill", "type", "normal", "skipme", "yes") })
	if s.failed == 0 {
		t.Fatal("no call failed, so this test has tested nothing")
	}
}

// load makes commits while something happens to the server again and again, and
// checks that each counted once.
func load(t *testing.T, s store.Store, happens func()) {
	t.Helper()
	identity := read(t, s).Identity
	const callers, each = 8, 100
	var working sync.WaitGroup
	for caller := range callers {
		working.Go(func() {
			for i := range each {
				if _, err := s.Commit(soon(t), counting(identity, fmt.Sprint(caller, " ", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	for working := true; working; {
		happens()
		select {
		case <-done:
			working = false
		default:
		}
	}
	if n := read(t, s).Counters[0]; n != callers*each {
		t.Fatalf("counted %d of %d", n, callers*each)
	}
}

// insistent repeats what is unavailable, as the scheduler does.
type insistent struct {
	store.Store
	mu     sync.Mutex
	failed int
}

func (s *insistent) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	for {
		r, err := s.Store.Commit(ctx, c)
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return r, err
		}
		s.mu.Lock()
		s.failed++
		s.mu.Unlock()
	}
}

func (s *insistent) Read(ctx context.Context, q store.Query) (a store.Answer, err error) {
	for a, err = s.Store.Read(ctx, q); errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil; {
		a, err = s.Store.Read(ctx, q)
	}
	return a, err
}

// TestClosedWhileIdle: connections that the server closed while nobody used them cost no
// call: it is seen before one goes out on them.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	for range 5 {
		var reading sync.WaitGroup
		for range 8 {
			reading.Go(func() { read(t, s) })
		}
		reading.Wait()
		admin(t, server, "client", "kill", "type", "normal", "skipme", "yes")
		read(t, s)
	}
}

// TestDemoted: connections that are made to a replica are refused, so that nobody is
// told what was true when it was a master.
func TestDemoted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	commit(t, s, counting(read(t, s).Identity, "a"))
	server.Say(t, "replicaof 127.0.0.1 1")
	server.Say(t, "client kill type normal") // as Sentinel does
	_, err := s.Read(soon(t), store.Query{Keys: []string{"a"}})
	if err != nil && !strings.Contains(err.Error(), "replica") { // of a connection that was killed
		_, err = s.Read(soon(t), store.Query{Keys: []string{"a"}})
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "it is a replica and takes no writes (of 127.0.0.1:1)") {
		t.Fatalf("read of a replica: %v", err)
	}
	server.Say(t, "replicaof no one")
	if a := read(t, s, "a"); a.Records[0].Version != 1 {
		t.Fatalf("promoted again: %+v", a)
	}
}
