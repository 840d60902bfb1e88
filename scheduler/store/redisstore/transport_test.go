package redisstore_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

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

// TestTLSFiles: the URL names whom to trust and with what to prove oneself; a
// certificate that was renewed is used from the next connection on.
func TestTLSFiles(t *testing.T) {
	t.Parallel()
	server, cert := redistest.TLS(t, "--tls-auth-clients", "yes")
	key := filepath.Join(filepath.Dir(cert), "key.pem")
	otherCert, otherKey := redistest.Certificate(t)
	url := func(ca, cert, key string) string {
		return strings.Replace(server.URL("n"), "redis://", "rediss://", 1) + "&ca=" + ca + "&cert=" + cert + "&key=" + key
	}
	for _, c := range []struct {
		url, word string
		kind      error
	}{
		{url(otherCert, cert, key), "unknown authority", store.ErrUnavailable},
		{url(cert, "", ""), "", store.ErrUnavailable},
		{url(cert, otherCert, otherKey), "", store.ErrUnavailable},
		{url(cert, cert, otherKey), "cert and key", redisstore.ErrConfig},
		{url(cert, cert, ""), "cert and no key", redisstore.ErrConfig},
		{url(cert, cert, "/no/such.pem"), "no such file", redisstore.ErrConfig},
		{url("/no/such.pem", cert, key), "ca of the store's URL", redisstore.ErrConfig},
		{url(key, cert, key), "has no certificate", redisstore.ErrConfig},
	} {
		if _, err := redisstore.Open(soon(t), c.url); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v; want %q", c.url, err, c.word)
		}
	}
	mine, myKey := copied(t, cert), copied(t, key)
	s := open(t, url(cert, mine, myKey))
	commit(t, s, counting(read(t, s).Identity, "a"))
	rewrite(t, otherCert, mine)
	rewrite(t, otherKey, myKey)
	hangUp(t, server, cert, key)
	if _, err := s.Read(soon(t), store.Query{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with another's certificate: %v", err)
	}
	rewrite(t, cert, mine)
	rewrite(t, key, myKey)
	if n := read(t, s).Counters[0]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

// hangUp ends all connections of a server that speaks TLS.
func hangUp(t *testing.T, server *redistest.Server, cert, key string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), TLSConfig: &tls.Config{
		InsecureSkipVerify: true, Certificates: []tls.Certificate{pair},
	}})
	defer client.Close()
	if err := client.Do(soon(t), "client", "kill", "type", "normal").Err(); err != nil {
		t.Fatal(err)
	}
}

func copied(t *testing.T, file string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.pem")
	rewrite(t, file, to)
	return to
}

func rewrite(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
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
