package stand

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestEndAllEndsWhatNamesTheFolderAndNothingElse(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	start := func(dir string) *Process {
		p, err := Start(t.Context(), t.TempDir(), "tail", nil, "tail", "-F", filepath.Join(dir, "no-such-file"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	mine, other := start(ours), start(theirs)
	endAll(ours)
	select {
	case <-mine.exited:
	case <-time.After(10 * time.Second):
		t.Fatal("the process that names the folder lives on")
	}
	if err := other.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
}
