package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
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

// Other processes of the job's user may exchange folders for links while root counts.
func TestSizeFollowsNoLinkThatComesLate(t *testing.T) {
	w := &workdirs{root: t.TempDir()}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, link := filepath.Join(w.path(1), "folder"), filepath.Join(w.path(1), "link")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Symlink(outside, link)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	defer swapping.Wait()
	defer close(stop)
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, folder, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	})
	for range 20_000 {
		if n := w.size(1); n != 0 {
			t.Fatalf("counted %d bytes that are not the job's", n)
		}
	}
}
