package redisstore_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// client is one with all rights.
func client(t *testing.T, s *redistest.Server) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Username: "admin", Password: "pw-admin"})
	t.Cleanup(func() { c.Close() })
	return c
}

// killed is a Redis with the recommended settings that was killed after two commits,
// the file with its last writes, and the identity that it had.
func killed(t *testing.T) (server *redistest.Server, aof, identity string) {
	t.Helper()
	dir := t.TempDir()
	server = recommended(t, ours(t, "mlq.conf"), "--dir", dir)
	s := open(t, as("mlq", server.URL("n")))
	identity = read(t, s).Identity
	commit(t, s, counting(identity, "first"))
	commit(t, s, counting(identity, "last"))
	aof = filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	for ctx := soon(t); ; { // while it fsyncs, Redis keeps what comes in memory
		text, err := os.ReadFile(aof)
		if bytes.Count(text, []byte("\r\nEXEC\r\n")) == 2 {
			break
		}
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%v; the AOF has\n%s", err, text)
		}
	}
	server.Kill(t)
	return server, aof, identity
}

// wantAfter looks that the first commit is there, the last one is not, and the
// store is another one than before.
func wantAfter(t *testing.T, server *redistest.Server, identity string) {
	t.Helper()
	a := read(t, open(t, as("mlq", server.URL("n"))), "first", "last")
	if a.Records[0].Version != 1 || a.Records[1].Version != 0 || a.Counters[0] != 1 || a.Revision != 1 {
		t.Errorf("after the restart: %+v; want the first commit alone, whole", a)
	}
	if a.Identity == identity {
		t.Error("the store says that it is the one from before")
	}
}

// TestTruncatedAOF (F23): Redis leaves out the commit at whose end the file was cut,
// all of it, and says that it is another store.
func TestTruncatedAOF(t *testing.T) {
	t.Parallel()
	server, aof, identity := killed(t)
	info, err := os.Stat(aof)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(aof, info.Size()-3); err != nil {
		t.Fatal(err)
	}
	server.Restart(t)
	wantAfter(t, server, identity)
}

// TestCorruptAOF (F23): with a damaged line Redis does not start at all, MLQ says
// that nobody is there, and redis-check-aof --fix gives back what lies before it.
func TestCorruptAOF(t *testing.T) {
	t.Parallel()
	server, aof, identity := killed(t)
	text, err := os.ReadFile(aof)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.LastIndex(text, []byte("*1\r\n$5\r\nMULTI"))
	if second <= 0 {
		t.Fatalf("no second commit in\n%s", text)
	}
	text[second] ^= 1
	if err := os.WriteFile(aof, text, 0o600); err != nil {
		t.Fatal(err)
	}
	server.RestartInVain(t, "Bad file format reading the append only file")
	if _, err := redisstore.Open(soon(t), as("mlq", server.URL("n"))); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("opened: %v", err)
	}
	fix := exec.Command("redis-check-aof", "--fix", filepath.Join(filepath.Dir(aof), "appendonly.aof.manifest"))
	fix.Stdin = strings.NewReader("y\n")
	if out, err := fix.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server.Restart(t)
	wantAfter(t, server, identity)
}
