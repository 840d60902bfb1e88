package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestSizeOfAJobsFolder(t *testing.T) {
	w := &workdirs{root: t.TempDir()}
	if n := w.size(1); n != 0 {
		t.Errorf("no folder has %d bytes", n)
	}
	dir := filepath.Join(w.path(1), "out", "deep")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if n := w.size(1); n != 1000 {
		t.Errorf("counted %d bytes, want 1000", n)
	}
}
