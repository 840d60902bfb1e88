package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Disks puts file systems of their own, in memory, where F27 and F28 fill a disk
// up: under the servers' blobs, and under one host. It is called before the world
// starts, needs root, and says why where it cannot; those two faults are then not
// drawn. unmount ends them.
func Disks(dir string) (unmount func() error, err error) {
	var mounted []string
	unmount = func() (err error) {
		for _, path := range mounted {
			err = errors.Join(err, unix.Unmount(path, unix.MNT_DETACH))
		}
		return err
	}
	for _, path := range []string{blobsOf(dir), fullHost(dir)} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return unmount, err
		}
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=256m,mode=755"); err != nil {
			return unmount, fmt.Errorf("a file system at %s: %w", path, err)
		}
		mounted = append(mounted, path)
	}
	return unmount, nil
}

// fillerName is the file that fills a disk up.
const fillerName = ".filler"

func blobsOf(dir string) string  { return filepath.Join(dir, "blobs") }
func fullHost(dir string) string { return filepath.Join(dir, "h3") }

// blobsFull is F27: results wait at their agents, and submits are refused.
func blobsFull(d *draw) *strike { return d.full("blobs", blobsOf(d.dir)) }

// hostFull is F28: an attempt fails or waits, and the device comes free.
func hostFull(d *draw) *strike { return d.full("h3", fullHost(d.dir)) }

// full takes all room that a file system has, but for a few kilobytes at times.
func (d *draw) full(name, path string) *strike {
	if !d.disks {
		return nil
	}
	filler, spare := filepath.Join(path, fillerName), int64(d.r.IntN(2)*16<<10)
	return &strike{
		target: name, touches: []string{name}, lasts: d.between(500*time.Millisecond, 4*time.Second),
		inject: func(context.Context) error { return fill(path, filler, spare) },
		heal: func(context.Context) error {
			err := os.Remove(filler)
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		},
	}
}

func fill(path, filler string, spare int64) error {
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := int64(0); ; {
		var fs unix.Statfs_t
		if err := unix.Statfs(path, &fs); err != nil {
			return err
		}
		room := int64(fs.Bavail)*fs.Bsize - spare
		if room < fs.Bsize {
			return nil
		}
		if err := unix.Fallocate(int(f.Fd()), 0, size, room); err != nil && !errors.Is(err, unix.ENOSPC) {
			return err
		}
		size += room
	}
}
