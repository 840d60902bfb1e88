package main

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// intoFile has write fill the file at path in one step: where it fails, as on a full disk, the file stays
// as it was. One that is replaced keeps its owner and who may read it; where it cannot be replaced so, as in
// a folder of somebody else, it is written to in its place. What is no regular file is written to as it
// comes, and so is standard output, wherever that leads.
func intoFile(path string, write func(io.Writer) error) error {
	if ownStream(path) {
		return fill(path, os.O_WRONLY|os.O_APPEND, write)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case err != nil: // there is none
		return replace(path, nil, write)
	case !info.Mode().IsRegular():
		return fill(path, os.O_WRONLY, write)
	}
	err = replace(path, info, write)
	if errors.Is(err, errInPlace) {
		return fill(path, os.O_WRONLY|os.O_TRUNC, write)
	}
	return err
}

// ownStream: a name of what this process has open already.
func ownStream(path string) bool {
	path = filepath.Clean(path)
	return path == "/dev/stdout" || path == "/dev/stderr" ||
		slices.Contains([]string{"/dev/fd", "/proc/self/fd"}, filepath.Dir(path))
}

// errInPlace: the file at the path cannot be replaced. Nothing was written yet.
var errInPlace = errors.New("it cannot be replaced")

// replace writes another file and gives it the name. old is the file that is there, nil if none is.
func replace(path string, old os.FileInfo, write func(io.Writer) error) (err error) {
	part := filepath.Join(filepath.Dir(path), ".mlq-"+rand.Text())
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return inPlace(err, old)
	}
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(part))) }()
	if err := alike(file, old); err != nil {
		return errors.Join(inPlace(err, old), file.Close())
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return err
	}
	err = os.Rename(part, path)
	if old != nil && (errors.Is(err, syscall.EBUSY) || errors.Is(err, os.ErrPermission)) { // mounted alone; another's in /tmp
		return fill(path, os.O_WRONLY|os.O_TRUNC, func(out io.Writer) error { return copyFrom(part, out) })
	}
	return err
}

// inPlace is errInPlace where the folder, not the file, refuses.
func inPlace(err error, old os.FileInfo) error {
	if old != nil && (errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return errInPlace
	}
	return err
}

// alike gives a file the owner and mode of another one, before its first byte.
func alike(file *os.File, old os.FileInfo) error {
	if old == nil {
		return nil
	}
	owner := old.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // documented, on Linux
	if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return err
	}
	return file.Chmod(old.Mode().Perm())
}

func copyFrom(path string, out io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return errors.Join(err, file.Close())
}

// fill writes to a file that is there.
func fill(path string, flags int, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
