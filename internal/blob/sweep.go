package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Swept counts what was removed.
type Swept struct {
	Blobs   int
	Logs    int
	Uploads int   // files of uploads that were cut off
	Bytes   int64 // of all of them
}

var errFound = errors.New("found")

// Stale reports whether a blob was last touched before t, or lies in the
// trash, so that it is worth asking which are still named.
func (f *Folder) Stale(ctx context.Context, t time.Time) (bool, error) {
	dirs, err := f.dirs()
	if err != nil {
		return false, err
	}
	for _, dir := range append(dirs, "trash") {
		err := f.each(ctx, dir, func(_ string, info fs.FileInfo) error {
			if dir == "trash" || info.ModTime().Before(t) {
				return errFound
			}
			return nil
		})
		if errors.Is(err, errFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// Mark says that a blob is named by something: it is touched if that was last
// done before t, and brought back from the trash. It reports whether it was.
// Errors: ErrName, ErrNotFound.
func (f *Folder) Mark(ctx context.Context, sum string, t time.Time) (bool, error) {
	if !isDigest(sum) {
		return false, ErrName
	}
	info, err := f.root.Stat(blobName(sum))
	if err == nil && !info.ModTime().Before(t) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("mark a blob: %w", err)
	}
	return true, f.Touch(ctx, sum)
}

// EmptyTrash deletes the blobs that came into the trash before t.
func (f *Folder) EmptyTrash(ctx context.Context, t time.Time) (s Swept, err error) {
	err = f.each(ctx, "trash", func(name string, info fs.FileInfo) error {
		if !info.ModTime().Before(t) {
			return nil
		}
		return s.remove(f, "trash/"+name, info, &s.Blobs)
	})
	return s, err
}

// Discard moves the blobs that were last touched before t to the trash, and
// returns how many. now is when they come there.
func (f *Folder) Discard(ctx context.Context, t, now time.Time) (n int, err error) {
	dirs, err := f.dirs()
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		err := f.each(ctx, dir, func(name string, info fs.FileInfo) error {
			if !info.ModTime().Before(t) || !isDigest(name) {
				return nil
			}
			n++
			return f.discard(dir+"/"+name, name, now)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// discard: the time first, then the move: in the trash it must not look old.
func (f *Folder) discard(from, sum string, now time.Time) error {
	err := f.root.Chtimes(from, now, now)
	if err == nil {
		err = f.root.Rename(from, trashName(sum))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another server was first
	}
	return err
}

// SweepUploads removes what uploads left that were cut off before t.
func (f *Folder) SweepUploads(ctx context.Context, t time.Time) (s Swept, err error) {
	err = f.each(ctx, "tmp", func(name string, info fs.FileInfo) error {
		if !info.ModTime().Before(t) {
			return nil
		}
		return s.remove(f, "tmp/"+name, info, &s.Uploads)
	})
	return s, err
}

func (s *Swept) remove(f *Folder, name string, info fs.FileInfo, count *int) error {
	err := f.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another server was first, or it was brought back
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	*count++
	s.Bytes += info.Size()
	return nil
}

// dirs are the folders of blobs; there are 256 at most.
func (f *Folder) dirs() ([]string, error) {
	top, err := f.root.Open("blobs")
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	defer top.Close() //nolint:errcheck // only read
	names, err := top.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	for i, name := range names {
		names[i] = "blobs/" + name
	}
	return names, nil
}

// entriesAtOnce bounds what is held of a folder with a million files.
const entriesAtOnce = 1024

// each calls do with the regular files of a folder, in no order. Files that
// come or go meanwhile may be missed.
func (f *Folder) each(ctx context.Context, dir string, do func(name string, info fs.FileInfo) error) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	defer d.Close() //nolint:errcheck // only read
	for ctx.Err() == nil {
		names, err := d.Readdirnames(entriesAtOnce)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		for _, name := range names {
			info, err := f.root.Lstat(dir + "/" + name)
			if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
				continue
			}
			if err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
			if err := do(name, info); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// LastSweep is when a sweep of the folder last began, by any server; zero: never.
func (f *Folder) LastSweep() (time.Time, error) {
	info, err := f.root.Stat("swept")
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look at the last sweep: %w", err)
	}
	return info.ModTime(), nil
}

// NoteSweep tells the other servers that one begins.
func (f *Folder) NoteSweep(now time.Time) error {
	err := f.root.WriteFile("swept", nil, 0o600)
	if err == nil {
		err = f.root.Chtimes("swept", now, now)
	}
	if err != nil {
		return fmt.Errorf("note the sweep: %w", err)
	}
	return nil
}
