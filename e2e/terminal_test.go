package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal (pty(7)) with a program on it.
type terminal struct {
	t      *testing.T
	keys   *os.File // what is written here was typed
	screen output
	cmd    *exec.Cmd
	ended  chan error
}

// openTerminal gives both ends of a new pseudo-terminal.
func openTerminal(t *testing.T) (keys, line *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	keys = os.NewFile(uintptr(fd), "/dev/ptmx") // Close ends its reader too, because it does not block
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keys, line
}

// onTerminal starts mlq in a session whose terminal is a new one; typed: its
// standard input is that too, else it is empty.
func (l *lab) onTerminal(t *testing.T, typed bool, args ...string) *terminal {
	t.Helper()
	keys, line := openTerminal(t)
	defer line.Close()
	s := &terminal{t: t, keys: keys, cmd: exec.Command(binary, args...), ended: make(chan error, 1)}
	s.cmd.Dir, s.cmd.Env = l.dir, append(l.env(), "MLQ_URL="+l.servers[0].url, "MLQ_TOKEN="+l.admin)
	s.cmd.Stdout, s.cmd.Stderr = line, line
	if typed {
		s.cmd.Stdin = line
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(&s.screen, keys) }() // until all of them have left the terminal
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it has ended, if the test is content
		_ = keys.Close()
	})
	return s
}

func (s *terminal) typed(keys string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// shows waits until a text stands on the screen so many times.
func (s *terminal) shows(text string, times int) {
	s.t.Helper()
	err := eventually(startPatience, func() error {
		if n := strings.Count(s.screen.String(), text); n != times {
			return fmt.Errorf("%q stands %d times, not %d, on\n%s", text, n, times, s.screen.String())
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// exits waits for the end, which must have this exit code.
func (s *terminal) exits(code int) {
	s.t.Helper()
	select {
	case err := <-s.ended:
		exit, failed := errors.AsType[*exec.ExitError](err)
		if got := s.cmd.ProcessState.ExitCode(); err != nil && !failed || got != code {
			s.t.Fatalf("exit code %d, %v, want %d; the screen:\n%s", got, exit, code, s.screen.String())
		}
	case <-time.After(startPatience):
		s.t.Fatalf("it goes on; the screen:\n%s", s.screen.String())
	}
}
