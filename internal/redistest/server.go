// Package redistest runs real Redis servers for tests: each on a free loopback
// port with a folder of its own, ended with the test binary whatever becomes of
// it. A test that needs Redis fails without one; it is never skipped, because a
// suite that quietly tests half is worse than one that says what to install.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Server is one redis-server, of which a test may have several.
type Server struct {
	Port   int
	keeper *keeper
	ready  string // what it prints when it serves
}

// Start starts a server with an AOF fsynced every second, and ends it with the
// test. Further arguments are those of redis-server.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := start(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.keeper.end)
	return s
}

var shared = sync.OnceValues(func() (*Server, error) { return start() })

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

// start tries again where somebody else took the free port in between.
func start(args ...string) (s *Server, err error) {
	for range 5 {
		if s, err = startOnce(args); err == nil || !strings.Contains(err.Error(), "Failed listening") {
			return s, err
		}
	}
	return nil, err
}

func startOnce(args []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return launch(port, "Ready to accept connections", func(string) ([]string, error) {
		return append([]string{
			"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "yes", "--appendfsync", "everysec", "--enable-debug-command", "local",
		}, args...), nil
	})
}

// launch runs redis-server in a new folder with the arguments made for it.
func launch(port int, ready string, arguments func(dir string) ([]string, error)) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("this test runs a real redis-server ≥ 7.0: install it (Debian: apt-get install redis-server)")
	}
	dir, err := os.MkdirTemp("", "mlq-redis-")
	if err != nil {
		return nil, err
	}
	args, err := arguments(dir)
	if err != nil {
		return nil, err
	}
	k, err := newKeeper(dir, append([]string{program}, args...)...)
	if err != nil {
		return nil, err
	}
	s := &Server{Port: port, keeper: k, ready: ready}
	if err := k.tell("start", ready); err != nil {
		k.end()
		return nil, err
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// URL is the store URL of a namespace on the server.
func (s *Server) URL(namespace string) string {
	return fmt.Sprintf("redis://%s/0?namespace=%s", s.Addr(), namespace)
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace makes a namespace out of the test's name that no other test has.
func Namespace(t testing.TB) string {
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	return fmt.Sprintf("%.40s-%d", "t-"+name, nextNamespace.Add(1))
}
