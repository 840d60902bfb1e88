// Package redistest runs real Redis servers for tests: each on a free loopback
// port with a folder of its own, ended with the test binary whatever becomes of
// it. A test that needs Redis fails without one; it is never skipped, because a
// suite that quietly tests half is worse than one that says what to install.
package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server is one redis-server, of which a test may have several.
type Server struct {
	Port   int
	keeper *keeper
	dir    string
	ready  string // what it prints when it serves
}

// Start starts a server with an AOF fsynced every second, and ends it with the
// test. Further arguments are those of redis-server.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return started(t, func() (*Server, error) { return start(args) })
}

var shared = sync.OnceValues(func() (*Server, error) { return start(nil) })

// Shared gives the one server of this test binary. Tests keep apart by their
// namespaces (Namespace), and never flush it or stop it.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// started ends a server with its test.
func started(t testing.TB, start func() (*Server, error)) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.keeper.end)
	return s
}

func start(args []string) (*Server, error) {
	return launch("Ready to accept connections", func(port int, _ string) ([]string, error) {
		return append([]string{
			"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "yes", "--appendfsync", "everysec", "--enable-debug-command", "local",
		}, args...), nil
	})
}

// arguments makes a server's arguments for its port and folder.
type arguments func(port int, dir string) ([]string, error)

// launch tries again where somebody else took the free port in between.
func launch(ready string, args arguments) (s *Server, err error) {
	for range 5 {
		if s, err = launchOnce(ready, args); err == nil || !strings.Contains(err.Error(), portTaken) {
			return s, err
		}
	}
	return nil, err
}

func launchOnce(ready string, args arguments) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("this test runs a real redis-server ≥ 7.0: install it (Debian: apt-get install redis-server)")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mlq-redis-")
	if err != nil {
		return nil, err
	}
	line, err := args(port, dir)
	if err != nil {
		return nil, err
	}
	k, err := newKeeper(dir, append([]string{program}, line...)...)
	if err != nil {
		return nil, err
	}
	if err := k.tell("start", ready); err != nil {
		k.end()
		return nil, err
	}
	return &Server{Port: port, keeper: k, dir: dir, ready: ready}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Conf starts a server with a configuration file of this text, and ends it with
// the test. Further arguments are those of redis-server, after the file's.
func Conf(t testing.TB, text string, args ...string) *Server {
	t.Helper()
	return conf(t, "Ready to accept connections", func(int) string { return text }, args...)
}

func conf(t testing.TB, ready string, text func(port int) string, args ...string) *Server {
	t.Helper()
	return started(t, func() (*Server, error) {
		return launch(ready, func(port int, dir string) ([]string, error) {
			path := filepath.Join(dir, "redis.conf")
			line := append([]string{path, "--port", fmt.Sprint(port), "--bind", "127.0.0.1"}, args...)
			return line, os.WriteFile(path, []byte(text(port)), 0o600)
		})
	})
}
