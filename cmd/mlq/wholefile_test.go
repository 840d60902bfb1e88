package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// TestReplacedFileKeepsItsMode: a file that only its owner may read does not become one that all
// may, because another result was written to it.
func TestReplacedFileKeepsItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	for _, mode := range []os.FileMode{0o600, 0o664} {
		if err := os.WriteFile(path, []byte("before"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		err := intoFile(path, func(out io.Writer) error { _, err := io.WriteString(out, "after"); return err })
		text, readErr := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || readErr != nil || statErr != nil || string(text) != "after" || info.Mode().Perm() != mode {
			t.Errorf("%q, %v, %v, %v; mode %v, want %v", text, err, readErr, statErr, info.Mode().Perm(), mode)
		}
	}
}

// TestFileThatCannotBeReplaced: a file that is mounted alone is written to in its place, and
// one of another owner stays theirs.
func TestFileThatCannotBeReplaced(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this needs root")
	}
	dir := t.TempDir()
	path, mounted := filepath.Join(dir, "out"), filepath.Join(dir, "mounted")
	for _, file := range []string{path, mounted} {
		if err := errors.Join(os.WriteFile(file, []byte("before, and longer"), 0o600), os.Chown(file, 4321, 4322)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount(mounted, mounted, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("this needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mounted, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for _, file := range []string{path, mounted} {
		err := intoFile(file, func(out io.Writer) error { _, err := io.WriteString(out, "after"); return err })
		text, readErr := os.ReadFile(file)
		info, statErr := os.Stat(file)
		if err := errors.Join(err, readErr, statErr); err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; string(text) != "after" || owner != 4321 {
			t.Errorf("%s: %q of %d", file, text, owner)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left there: %v, %v", left, err)
	}
}

// TestStreamsAreWrittenTo: a shell's > FILE stays the file that the shell has open.
func TestStreamsAreWrittenTo(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, "before, "); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/dev/fd/%d", file.Fd())
	if err := intoFile(name, func(out io.Writer) error { _, err := io.WriteString(out, "after"); return err }); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, err := file.ReadAt(text, 0)
	if !errors.Is(err, io.EOF) || string(text[:n]) != "before, after" {
		t.Errorf("%q, %v", text[:n], err)
	}
}

type cutAnswer struct{}

// RoundTrip implements http.RoundTripper.
func (cutAnswer) RoundTrip(*http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader("a part"), iotest.ErrReader(context.Canceled))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}, nil
}

// TestSignalDuringAResult: it ends with the signal's code, into a file as elsewhere.
func TestSignalDuringAResult(t *testing.T) {
	r := &remote{base: "http://mlq", http: &http.Client{Transport: cutAnswer{}}}
	err := printResult(t.Context(), streams{out: io.Discard, err: io.Discard}, r, 1, filepath.Join(t.TempDir(), "out"), false)
	if code := classify(err).code; code != exitSignal+int(syscall.SIGINT) {
		t.Errorf("exit code %d, %v", code, err)
	}
}
