package redisstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// inspected is what Inspect says, in one text: problems before a |, warnings behind.
func inspected(t *testing.T, s *redisstore.Store) string {
	t.Helper()
	problems, warnings, err := s.Inspect(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(problems, "; ") + " | " + strings.Join(warnings, "; ")
}

// TestInspect: what an operator changes at a server that is in use is told, and
// no more once it is changed back.
func TestInspect(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "always")
	s := open(t, server.URL("n"))
	describe(t, s) // the start
	for _, step := range []struct {
		line, says string
	}{
		{"config set appendfsync always", " | "},
		{"config set appendfsync everysec", " | WARNING: an acknowledgement is worth less than at the start: a crash of it or of its machine may lose the last second"},
		{"config set maxmemory-policy allkeys-lru", " | WARNING: Redis may evict keys when memory is full (maxmemory-policy allkeys-lru)"},
		{"config set maxmemory-policy noeviction", "worth less"},
		{"config set appendonly no", "worth less than at the start: a restart loses EVERYTHING"},
		{"config set appendonly yes", "worth less"},
		{"config set appendfsync always", " | "},
		{"replicaof 127.0.0.1 1", "Redis is a replica and takes no writes | "},
		{"replicaof no one", " | "},
	} {
		if got := server.Say(t, step.line); got != "+OK" {
			t.Fatalf("%s: %s", step.line, got)
		}
		if said := inspected(t, s); !strings.Contains(said, step.says) || step.says == " | " && said != step.says {
			t.Errorf("%s: it says %q, want %q", step.line, said, step.says)
		}
	}
}

// TestInspectOfAWeakStart: what was weak at the start already is told as it was then.
func TestInspectOfAWeakStart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "no", "--save", "3600 1")
	s := open(t, server.URL("n"))
	describe(t, s)
	if said := inspected(t, s); !strings.HasPrefix(said, " | WARNING: a restart loses all that was acknowledged since the last snapshot") {
		t.Errorf("it says %q", said)
	}
}

// TestFailedSnapshot (MISCONF): Redis refuses writes once it could not save, and
// takes them again when it could.
func TestFailedSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := redistest.Start(t, "--appendonly", "no", "--save", "3600 1", "--dir", dir)
	s := open(t, server.URL("n"))
	identity := read(t, s).Identity
	commit(t, s, counting(identity, "a"))
	inTheWay := filepath.Join(dir, "dump.rdb")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	saves(t, server, "Background saving error")
	if _, err := s.Commit(soon(t), counting(identity, "b")); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "MISCONF") {
		t.Errorf("commit: %v", err)
	}
	if said := inspected(t, s); !strings.HasPrefix(said, "Redis takes no writes since its last snapshot failed (MISCONF)") {
		t.Errorf("it says %q", said)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	saves(t, server, "Background saving terminated with success")
	commit(t, s, counting(identity, "b"))
	if n := read(t, s).Counters[0]; n != 2 {
		t.Errorf("counted %d, want 2", n)
	}
	if said := inspected(t, s); !strings.HasPrefix(said, " | ") {
		t.Errorf("it says %q", said)
	}
}

func saves(t *testing.T, server *redistest.Server, end string) {
	t.Helper()
	if got := server.Say(t, "BGSAVE"); !strings.HasPrefix(got, "+") {
		t.Fatal(got)
	}
	server.Await(t, end)
}
