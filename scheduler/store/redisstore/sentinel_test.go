package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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
	for _, step := range []struct {
		replicas, lag, word string
		want                time.Duration
	}{
		{"1", "10", "up to 10s", 10 * time.Second},
		{"1", "30", "WARNING: a failover may lose 30s", 30 * time.Second},
		{"1", "0", "promises 1, 2 and 4 fall", 10 * time.Second},
		{"0", "20", "promises 1, 2 and 4 fall", 20 * time.Second},
		{"1", "10", "up to 10s", 10 * time.Second},
	} {
		admin(t, master, "config", "set", "min-replicas-to-write", step.replicas, "min-replicas-max-lag", step.lag)
		if line := describe(t, s); !strings.Contains(line, step.word) {
			t.Errorf("%s replicas, lag %s: described as %q", step.replicas, step.lag, line)
		}
		if lag, err := s.Lag(soon(t)); lag != step.want || err != nil {
			t.Errorf("%s replicas, lag %s: Lag %s, %v", step.replicas, step.lag, lag, err)
		}
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
