package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// manager is a service manager's end of NOTIFY_SOCKET.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	return &manager{t, conn}
}

// next is the next message; "" when none came within so long.
func (m *manager) next(within time.Duration) string {
	m.t.Helper()
	buf := make([]byte, 4096)
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	n, err := m.conn.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buf[:n])
}

// until reads messages up to one with this line.
func (m *manager) until(line string) (before []string) {
	m.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		text := m.next(time.Until(end))
		if text == "" {
			m.t.Fatalf("no %s after %q", line, before)
		}
		if slices.Contains(strings.Split(text, "\n"), line) {
			return before
		}
		before = append(before, text)
	}
}

// part is supervised, and does as it is told.
type part struct {
	ready chan struct{}
	fault chan error // what alive says from then on
	hang  chan struct{}
}

func (p *part) signs() supervised {
	var last error
	return supervised{
		await: func(ctx context.Context) {
			select {
			case <-p.ready:
			case <-ctx.Done():
			}
		},
		alive: func(context.Context) error {
			select {
			case last = <-p.fault:
			case <-p.hang:
				select {}
			default:
			}
			return last
		},
		words: func(context.Context) string { return "does\nwell" },
	}
}

func TestSupervision(t *testing.T) {
	m := newManager(t, 300*time.Millisecond)
	p := &part{ready: make(chan struct{}), fault: make(chan error), hang: make(chan struct{})}
	watch := &supervision{log: zerolog.Nop()}
	watch.add(p.signs())
	var g group
	if err := watch.start(t.Context(), &g); err != nil {
		t.Fatal(err)
	}
	for _, text := range m.until("EXTEND_TIMEOUT_USEC=30000000") {
		if text != "STATUS=does well" {
			t.Errorf("at first: %q", text)
		}
	}
	close(p.ready)
	for _, text := range m.until("READY=1") {
		if !strings.HasPrefix(text, "EXTEND_TIMEOUT_USEC=") {
			t.Errorf("before it was ready: %q", text)
		}
	}
	for range 3 {
		if text := m.next(5 * time.Second); text != "WATCHDOG=1\nSTATUS=does well" {
			t.Errorf("alive: %q", text)
		}
	}
	p.fault <- errors.New("a loop hangs")
	m.until("STATUS=hangs: a loop hangs")
	for range 3 {
		if text := m.next(5 * time.Second); strings.Contains(text, "WATCHDOG") {
			t.Errorf("a part hangs: %q", text)
		}
	}
	p.fault <- nil
	m.until("WATCHDOG=1")
	g.stop()
	m.until("STOPPING=1")
	if text := m.next(400 * time.Millisecond); text != "" {
		t.Errorf("after the end: %q", text)
	}
}

// A look at a part that does not come back is no sign of life either.
func TestSupervisionOfAPartThatHangs(t *testing.T) {
	m := newManager(t, 300*time.Millisecond)
	p := &part{ready: make(chan struct{}), fault: make(chan error), hang: make(chan struct{})}
	close(p.ready)
	watch := &supervision{log: zerolog.Nop()}
	watch.add(p.signs())
	var g group
	if err := watch.start(t.Context(), &g); err != nil {
		t.Fatal(err)
	}
	m.until("WATCHDOG=1")
	p.hang <- struct{}{}
	if text := m.next(2 * time.Second); text != "" {
		t.Errorf("a part hangs: %q", text)
	}
}

func TestNobodySupervises(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var g group
	if err := (&supervision{log: zerolog.Nop()}).start(t.Context(), &g); err != nil || len(g.actors) > 0 {
		t.Errorf("%v, %d parts", err, len(g.actors))
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := (&supervision{log: zerolog.Nop()}).start(t.Context(), &g); err == nil {
		t.Error("a socket on which nobody listens is taken")
	}
}
