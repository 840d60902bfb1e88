package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tmpDisk is a disk of its own, which is full or read-only when a test wants it. It becomes full by
// becoming smaller, so that nothing has to be written.
type tmpDisk struct {
	t     *testing.T
	path  string
	bytes int64
}

// newDisk mounts one at path.
func newDisk(t *testing.T, path string, bytes int64) *tmpDisk {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("mode=755,size=%d", bytes))
	if errors.Is(err, unix.EPERM) {
		t.Skip("this needs the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	write(t, filepath.Join(path, "not-empty"), "a size of 0 would be no limit")
	return &tmpDisk{t, path, bytes}
}

// remount is tried again while processes have just made it larger, or a file open.
func (d *tmpDisk) remount(flags uintptr, bytes func() int64) {
	d.t.Helper()
	err := eventually(10*time.Second, func() error {
		return unix.Mount("", d.path, "", unix.MS_REMOUNT|flags, fmt.Sprintf("size=%d", bytes()))
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// full leaves no byte free.
func (d *tmpDisk) full() { d.t.Helper(); d.leave(0) }

// leave leaves so many bytes free.
func (d *tmpDisk) leave(bytes int64) {
	d.t.Helper()
	d.remount(0, func() int64 {
		var st unix.Statfs_t
		if err := unix.Statfs(d.path, &st); err != nil {
			d.t.Fatal(err)
		}
		return int64(st.Blocks-st.Bfree)*st.Bsize + bytes
	})
}

// well makes it as it was: with room, and writable.
func (d *tmpDisk) well() { d.t.Helper(); d.remount(0, func() int64 { return d.bytes }) }

// readOnly mounts it so. The system refuses that while a file is open to be written.
func (d *tmpDisk) readOnly() {
	d.t.Helper()
	d.remount(unix.MS_RDONLY, func() int64 { return d.bytes })
}

// has is what lies on it: each path with the SHA-256 of the file.
func (d *tmpDisk) has() map[string]string {
	d.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
			return nil // gone meanwhile
		}
		b, failed := os.ReadFile(path)
		if err = errors.Join(err, failed); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all[path[len(d.path):]] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}
