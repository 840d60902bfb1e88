package e2e

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is the service manager's end of NOTIFY_SOCKET.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	env  []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{t, conn, append(os.Environ(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=1500000")}
}

// until reads messages up to one with a line that begins so, and gives that
// message and those before it.
func (m *manager) until(prefix string) (message string, before []string) {
	m.t.Helper()
	buf := make([]byte, 4096)
	for {
		if err := m.conn.SetReadDeadline(time.Now().Add(startPatience)); err != nil {
			m.t.Fatal(err)
		}
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("no %s after %q: %v", prefix, before, err)
		}
		text := string(buf[:n])
		if slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(line, prefix) }) {
			return text, before
		}
		before = append(before, text)
	}
}

// silent reports a message that comes within so long.
func (m *manager) silent(within time.Duration) {
	m.t.Helper()
	buf := make([]byte, 4096)
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	if n, err := m.conn.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.Errorf("heard %q, %v", buf[:n], err)
	}
}

// A service manager hears of a server with an agent: ready when both are,
// signs of life, words about the devices, and its end.
func TestServeTellsItsServiceManager(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	d, err := startDaemon(dir, m.env, "serve", "--with-agent", "--data", filepath.Join(dir, "data"),
		"--listen", "127.0.0.1:0", "--gpus", "cpu:2", "--python", python)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if d.running() {
			d.kill()
		}
	}()
	ready, before := m.until("READY=1")
	for _, text := range before {
		if strings.Contains(text, "WATCHDOG=1") {
			t.Errorf("a sign of life before it was ready: %q", before)
		}
	}
	if !strings.Contains(ready, "STATUS=serves at "+d.url+": 0 jobs run, 0 wait; 0 of 2 devices busy") {
		t.Errorf("ready: %q", ready)
	}
	answer, err := http.Get(d.url + "/healthz")
	if err != nil {
		t.Fatalf("ready, but: %v", err)
	}
	answer.Body.Close()
	if !strings.Contains(d.log.String(), `"message":"joined"`) {
		t.Error("ready, but the agent has not joined")
	}
	for range 3 {
		if _, before := m.until("WATCHDOG=1"); len(before) > 0 {
			t.Errorf("between two signs of life: %q", before)
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, before := m.until("STOPPING=1"); len(before) > 1 {
		t.Errorf("at the end: %q", before)
	}
	m.silent(time.Second)
}

// The agent alone is ready when it has joined, and says what its devices do.
func TestAgentTellsItsServiceManager(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	l := newLab(t, 1)
	d, err := startDaemon(l.dir, append(m.env, "MLQ_TIME_SCALE=10"), "agent", "--data", filepath.Join(l.dir, "agent2"), "--server", l.servers[0].url,
		"--token-file", filepath.Join(l.dir, "agent.token"), "--name", "gpu1@0", "--gpus", "cpu:1", "--python", python, "--store", l.redis)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if d.running() {
			d.kill()
		}
	}()
	if ready, _ := m.until("READY=1"); ready != "READY=1\nSTATUS=0 of 1 devices busy" {
		t.Errorf("ready: %q", ready)
	}
	if hosts := l.mlq("hosts"); !strings.Contains(hosts, "gpu1@0") {
		t.Errorf("ready, but not a host:\n%s", hosts)
	}
	if _, before := m.until("WATCHDOG=1"); len(before) > 0 {
		t.Errorf("before the first sign of life: %q", before)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	m.until("STOPPING=1")
}

// systemd does not start again what RestartPreventExitStatus names, so the end
// by its watchdog's SIGABRT, and a panic, must not have that exit code.
func TestTheWatchdogsSignalIsNoWrongSetting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := startDaemon(dir, os.Environ(), "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	code, err := d.signal(syscall.SIGABRT)
	if err != nil || code != 2 {
		t.Errorf("exit code %d, %v; want 2", code, err)
	}
	if log := d.log.String(); !strings.Contains(log, "goroutine 1") {
		t.Errorf("no stacks in the log:\n%s", log)
	}
}
