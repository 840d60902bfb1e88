package redisstore_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestOddServers: whatever is at a wrong address is refused with words that help,
// as a wrong configuration only where trying again cannot help.
func TestOddServers(t *testing.T) {
	t.Parallel()
	plain := redistest.Start(t)
	overTLS, _ := redistest.TLS(t)
	few := redistest.Start(t, "--maxclients", "1")
	fills(t, few)
	sentinel := redistest.Sentinel(t, plain, "main")
	toTLS := func(s *redistest.Server) string { return strings.Replace(s.URL("n"), "redis:", "rediss:", 1) }
	for _, c := range []struct {
		name, url string
		wrong     error
		word      string
	}{
		{"a web server", banner(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), store.ErrUnavailable, "does not speak Redis"},
		{"an SSH server", banner(t, "SSH-2.0-OpenSSH_9.2\r\n"), store.ErrUnavailable, "does not speak Redis"},
		{"one that hangs up", banner(t, "\x00\x01"), store.ErrUnavailable, "ends the connection at once"},
		{"one that is silent", banner(t, ""), store.ErrUnavailable, "does not answer"},
		{"TLS without TLS", overTLS.URL("n"), store.ErrUnavailable, "rediss://"},
		{"no TLS with TLS", toTLS(plain), store.ErrUnavailable, "does it speak TLS"},
		{"a CA that is not trusted", toTLS(overTLS), store.ErrUnavailable, "unknown authority"},
		{"all connections taken", few.URL("n"), store.ErrUnavailable, "maxclients"},
		{"a replica", redistest.Replica(t, plain).URL("n"), store.ErrUnavailable, fmt.Sprintf("it is a replica and takes no writes (of 127.0.0.1:%d)", plain.Port)},
		{"a database too many", fmt.Sprintf("redis://%s/16", plain.Addr()), redisstore.ErrConfig, "fewer databases than 17"},
		{"a Sentinel", sentinel.URL("n"), redisstore.ErrConfig, "redis+sentinel://"},
		{"a Redis as Sentinel", fmt.Sprintf("redis+sentinel://%s/main", plain.Addr()), store.ErrUnavailable, "no Sentinel: redis://"},
		{"an unknown master", fmt.Sprintf("redis+sentinel://%s/other", sentinel.Addr()), store.ErrUnavailable, `know no master "other"`},
		{"nobody", "redis://127.0.0.1:1", store.ErrUnavailable, "redis 127.0.0.1:1, database 0, namespace mlq: store unavailable: dial"},
		{"no socket", "unix:///no/such.sock", store.ErrUnavailable, "/no/such.sock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := redisstore.Open(soon(t), c.url)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, c.wrong) || !strings.Contains(fmt.Sprint(err), c.word) {
				t.Errorf("%v; want %q", err, c.word)
			}
			if c.wrong == store.ErrUnavailable && errors.Is(err, redisstore.ErrConfig) {
				t.Errorf("trying again may help: %v", err)
			}
		})
	}
}

// banner is a server that says some words and listens no further; without words
// it only listens.
func banner(t *testing.T, words string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go greet(c.(*net.TCPConn), words)
		}
	}()
	return "redis://" + l.Addr().String()
}

func greet(c *net.TCPConn, words string) {
	defer c.Close()
	_, _ = io.WriteString(c, words)
	if words != "" {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, c)
}

// fills takes the one connection that a server allows, until the test ends.
func fills(t *testing.T, server *redistest.Server) {
	t.Helper()
	c, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	answer := make([]byte, 7)
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "+PONG\r\n" {
		t.Fatalf("%q, %v", answer, err)
	}
}
