package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// silent waits until the terminal shows no more what is typed.
func silent(t *testing.T, tty *os.File) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); echoes(t, tty); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the terminal still shows what is typed")
		}
	}
}

func TestASecretThatIsTypedIsNotShown(t *testing.T) {
	t.Parallel()
	keyboard, tty := terminal(t)
	var said bytes.Buffer
	type answer struct {
		value string
		err   error
	}
	read := make(chan answer, 1)
	go func() {
		value, err := readSecret(context.Background(), streams{in: tty, out: io.Discard, err: &said}, "", "HF_TOKEN")
		read <- answer{value, err}
	}()
	silent(t, tty)
	if _, err := keyboard.WriteString("hf_typed\n"); err != nil {
		t.Fatal(err)
	}
	got := <-read
	if got.value != "hf_typed" || got.err != nil || !echoes(t, tty) {
		t.Errorf("read %q, %v; the echo is back: %v", got.value, got.err, echoes(t, tty))
	}
	if _, err := tty.WriteString("end\n"); err != nil {
		t.Fatal(err)
	}
	shown := make([]byte, 100)
	n, err := keyboard.Read(shown)
	if err != nil || strings.Contains(string(shown[:n])+said.String(), "hf_typed") {
		t.Errorf("shown: %q, %q, %v", shown[:n], said.String(), err)
	}
}

// abandoned are terminals that a test has left somebody reading from, who sets them as they were
// when the other side is closed: by their numbers, which must not be others' by then.
var abandoned []*os.File

// TestASignalWhileASecretIsTyped: the terminal is as it was.
func TestASignalWhileASecretIsTyped(t *testing.T) {
	t.Parallel()
	_, tty := terminal(t)
	fd, err := unix.Dup(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	in := os.NewFile(uintptr(fd), tty.Name())
	abandoned = append(abandoned, in)
	ctx, signal := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	read := make(chan error, 1)
	go func() {
		_, err := readSecret(ctx, streams{in: in, out: io.Discard, err: io.Discard}, "", "HF_TOKEN")
		read <- err
	}()
	silent(t, tty)
	signal(interrupted)
	if err := <-read; !errors.Is(err, interrupted) || !echoes(t, tty) {
		t.Errorf("it ends with %v; the echo is back: %v", err, echoes(t, tty))
	}
}
