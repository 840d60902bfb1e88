package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to the first is typed into the second.
func terminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return keyboard, tty
}

// TestConfirm: only a yes is a yes, and what is no terminal is never asked.
func TestConfirm(t *testing.T) {
	for typed, want := range map[string]int{"y\n": 0, "YES\n": 0, "n\n": exitFailed, "\n": exitFailed, "yesterday\n": exitFailed, "\x04": exitFailed} {
		keyboard, tty := terminal(t)
		if _, err := keyboard.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		err := confirm(t.Context(), streams{in: tty, err: &said}, "cancel 12 jobs of ana?")
		if got := report(streams{err: &bytes.Buffer{}}, err); got != want || said.String() != "cancel 12 jobs of ana? [y/N] " {
			t.Errorf("typed %q: exit code %d, want %d; said %q", typed, got, want, said.String())
		}
	}
	var said bytes.Buffer
	err := confirm(t.Context(), streams{in: strings.NewReader("y\n"), err: &said}, "cancel 12 jobs of ana?")
	if report(streams{err: &said}, err) != exitUsage || !strings.Contains(said.String(), "--yes") {
		t.Errorf("no terminal: %v, %q", err, said.String())
	}
}

// TestConfirmEnds: a signal ends the question.
func TestConfirmEnds(t *testing.T) {
	_, tty := terminal(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped")
	cancel(why)
	if err := confirm(ctx, streams{in: tty, err: &bytes.Buffer{}}, "cancel?"); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
