package highwater

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestOnlyGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "highest")
	f := New(path)
	if n, err := f.Load(); n != 0 || err != nil {
		t.Fatalf("without a file: %d, %v", n, err)
	}
	for _, to := range []int64{1000, 500, 3000} {
		if err := f.Raise(scheduler.JobID(to)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := New(path).Load(); n != 3000 || err != nil {
		t.Errorf("another process reads %d, %v; want 3000", n, err)
	}
}

func TestRefusesToGuess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "highest")
	for _, text := range []string{"", "12x\n", "-5\n", "12", "7\ncrc32c 00000000\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(path).Load(); err == nil || !strings.Contains(err.Error(), "echo NUMBER > "+path) {
			t.Errorf("Load of %q: %v", text, err) // with a number, some would be too low for their store
		}
		if err := New(path).Raise(7); err == nil {
			t.Errorf("Raise over %q: no error", text)
		}
	}
}

func TestRaiseTellsOfAFailure(t *testing.T) {
	if err := New(filepath.Join(t.TempDir(), "no", "folder")).Raise(7); err == nil {
		t.Error("no error, though nothing was written")
	}
}
