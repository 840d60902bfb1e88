package redistest

import (
	"os"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

func wantAnswer(t *testing.T, addr, line, want string) {
	t.Helper()
	if got, err := say(addr, line); got != want || err != nil {
		t.Fatalf("%s: %q, %v; want %q", line, got, err, want)
	}
}

func TestServerComesBack(t *testing.T) {
	t.Parallel()
	s := Start(t, "--appendfsync", "always")
	wantAnswer(t, s.Addr(), "SET k v", "+OK")
	s.Kill(t)
	if got, err := say(s.Addr(), "PING"); err == nil {
		t.Fatalf("a killed server answers %q", got)
	}
	s.Restart(t)
	wantAnswer(t, s.Addr(), "STRLEN k", ":1")
}

// TestEndLeavesNothing: the keeper, whose input also ends when the test binary
// dies, ends a server that hangs too, and removes its folder.
func TestEndLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := start(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Pause(t)
	s.keeper.end()
	if got, err := say(s.Addr(), "PING"); err == nil {
		t.Errorf("an ended server answers %q", got)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

func TestNamespacesDiffer(t *testing.T) {
	t.Parallel()
	a, b := Namespace(t), Namespace(t)
	if a == b || len(a) > 63 || !strings.HasPrefix(a, "t-testnamespacesdiffer") {
		t.Errorf("%s and %s", a, b)
	}
}

// TestProxy: a request whose reply is dropped was carried out once.
func TestProxy(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.Addr())
	through := p.Addr()
	wantAnswer(t, through, "INCR n", ":1")
	p.Lose(1)
	if got, err := say(through, "INCR n"); err == nil {
		t.Fatalf("the dropped reply %q came", got)
	}
	<-p.Lost()
	wantAnswer(t, s.Addr(), "GET n", "$1")
	wantAnswer(t, s.Addr(), "INCR n", ":3")

	arrived, release := p.Hold(faultproxy.Answers)
	answered := make(chan string)
	go func() { got, _ := say(through, "INCR n"); answered <- got }()
	<-arrived
	wantAnswer(t, s.Addr(), "INCR n", ":5") // the held one was carried out
	release()
	if got := <-answered; got != ":4" {
		t.Fatalf("the held reply is %q", got)
	}
}
