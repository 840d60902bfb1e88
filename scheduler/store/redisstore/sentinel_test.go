package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestFailover: the store follows the sentinels to the new master, which says
// that it is another; watchers are told that they may have missed something.
func TestFailover(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	redistest.Replica(t, master)
	sentinel := redistest.Sentinel(t, master, "main")
	sentinel.Await(t, "+slave slave")
	s := open(t, fmt.Sprintf("redis+sentinel://%s/main/0?namespace=n", sentinel.Addr()))

	if line := describe(t, s); !strings.Contains(line, "main at sentinel") || !strings.Contains(line, "may vanish") {
		t.Errorf("described as %q", line)
	}
	admin(t, master, "config", "set", "min-replicas-to-write", "1")
	if line := describe(t, s); !strings.Contains(line, "up to 10 s") {
		t.Errorf("described as %q", line)
	}

	before := read(t, s)
	commit(t, s, counting(before.Identity, "a"))
	notices, err := s.Watch(soon(t), "topic")
	if err != nil {
		t.Fatal(err)
	}
	master.Kill(t)
	ctx := soon(t)
	r, err := s.Commit(ctx, counting(before.Identity, "b"))
	for errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		r, err = s.Commit(ctx, counting(before.Identity, "b"))
	}
	if err != nil || r.Conflict != store.ConflictIdentity || r.Identity == before.Identity {
		t.Fatalf("commit after the failover: %+v, %v", r, err)
	}
	if n := <-notices; !n.Lost {
		t.Fatalf("the watcher got %+v, want Lost", n)
	}
}

func describe(t testing.TB, s store.Store) string {
	t.Helper()
	line, err := s.Describe(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return line
}
