package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
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
