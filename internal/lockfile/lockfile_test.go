package lockfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSecondHolderIsRefused(t *testing.T) {
	path := Path(t.TempDir(), "GPU-1")
	first := acquire(t, path)
	if _, err := Acquire(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("second acquire: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	acquire(t, path)
}

// In a folder that all may write, somebody may make a pipe in place of a lock.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	path := Path(t.TempDir(), "GPU-1")
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		lock, err := Acquire(path)
		if err == nil {
			err = lock.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for a writer")
	}
}

// The agent's copy may be closed while the process it was handed to lives on.
func TestLockFollowsTheDescriptor(t *testing.T) {
	path := Path(t.TempDir(), "GPU-1")
	lock := acquire(t, path)
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.ExtraFiles = []*os.File{lock.File()}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(path); !errors.Is(err, ErrLocked) {
		t.Errorf("while the child holds it: %v", err)
	}
	if err := errors.Join(stdin.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	acquire(t, path)
}

func TestOtherToolsTakePart(t *testing.T) {
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Skip("no flock(1) here")
	}
	path := Path(t.TempDir(), "GPU-1")
	acquire(t, path)
	if err := exec.Command(flock, "-n", path, "true").Run(); err == nil {
		t.Fatal("flock(1) got a lock that we hold")
	}
}

func TestSymlinkIsRefused(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "GPU-1.lock")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(link); err == nil {
		t.Fatal("followed a symlink")
	}
}

func TestUsableFolder(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "mlq")
	if !usable(fresh) {
		t.Error("a folder that can be made is not usable")
	}
	info, err := os.Stat(fresh)
	if err != nil || info.Mode()&os.ModeSticky == 0 || info.Mode().Perm() != 0o777 {
		t.Errorf("made as %v, %v", info, err)
	}
	if usable(filepath.Join(t.TempDir(), "missing", "mlq")) {
		t.Error("a folder that cannot be made is usable")
	}
}

func acquire(t *testing.T, path string) *Lock {
	t.Helper()
	l, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Who may read a lock file may hold the lock.
func TestOwnLockIsNobodyElses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.lock")
	for range 2 { // one that Acquire made is closed too
		l, err := AcquireOwn(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if _, err := AcquireOwn(path); !errors.Is(err, ErrLocked) {
			t.Errorf("a second holder: %v", err)
		}
		if err := errors.Join(l.Close(), os.Chmod(path, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
