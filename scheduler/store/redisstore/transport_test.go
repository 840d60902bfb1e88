package redisstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestTLS: rediss:// speaks TLS to a server whose certificate the system
// trusts, and redis:// does not get through. The system's roots are read once
// in a process, so this is the one test that may ask for them.
func TestTLS(t *testing.T) {
	server, cert := redistest.TLS(t)
	t.Setenv("SSL_CERT_FILE", cert)
	plain := server.URL("n")
	s := open(t, strings.Replace(plain, "redis://", "rediss://", 1))
	commit(t, s, counting(read(t, s).Identity, "a"))

	wrongName := strings.NewReplacer("redis://", "rediss://", "127.0.0.1", "localhost").Replace(plain)
	if _, err := redisstore.Open(soon(t), wrongName); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a certificate for another name: %v", err)
	}
	if _, err := redisstore.Open(soon(t), plain); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without TLS: %v", err)
	}
}

// TestSocketAndDatabase: each database is a store of its own.
func TestSocketAndDatabase(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "mlq") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "redis.sock")
	server := redistest.Start(t, "--unixsocket", path)
	first, second := open(t, "unix://"+path+"?namespace=n"), open(t, "unix://"+path+"?db=3&namespace=n")
	commit(t, first, counting(read(t, first).Identity, "a"))
	overTCP := open(t, strings.Replace(server.URL("n"), "/0?", "/3?", 1))
	for s, want := range map[store.Store]int64{first: 1, second: 0, overTCP: 0} {
		if n := read(t, s).Counters[0]; n != want {
			t.Errorf("counted %d, want %d", n, want)
		}
	}
}
