// Package removetree removes a tree that somebody else has built: it follows no
// link, however deep the tree is needs few open files (os.RemoveAll has one open
// for each level, and a job can make more levels than a process may open files),
// and opens folders that were closed to their own user.
package removetree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	maxDepth = 64   // levels that are open at a time; what lies deeper is moved up first
	batch    = 1024 // names that are read at a time
)

// removal is one tree on its way out.
type removal struct {
	top   int // descriptor of the tree's own folder
	moved int // counts what was moved up into it
}

// All removes path and all that is in it. What is not there is no error. Of path
// itself, those who built the tree may be able to exchange the last step only.
func All(path string) error {
	parent, err := open(unix.AT_FDCWD, filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	name := filepath.Base(path)
	if gone, err := unlink(parent, name); gone || err != nil {
		return at(err, path)
	}
	top, err := openFolder(parent, name)
	if err != nil {
		return at(err, path)
	}
	defer unix.Close(top)
	r := &removal{top: top}
	// What was moved up is found in the next round.
	for before := -1; err == nil && r.moved > before; {
		before = r.moved
		err = r.empty(top, 0)
	}
	if err == nil {
		err = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	}
	return at(err, path)
}

// empty removes all that is in the open folder dir.
func (r *removal) empty(dir, depth int) error {
	for {
		names, err := read(dir)
		if err != nil || len(names) == 0 {
			return err
		}
		moved := r.moved
		for _, name := range names {
			if err := r.remove(dir, name, depth); err != nil {
				return err
			}
		}
		if depth == 0 && r.moved > moved {
			return nil // a name that is there already may be one of these
		}
	}
}

// remove removes one thing in dir, or moves it up.
func (r *removal) remove(dir int, name string, depth int) error {
	if gone, err := unlink(dir, name); gone || err != nil {
		return err
	}
	below, err := openFolder(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(below)
	if depth == maxDepth {
		return r.moveUp(dir, name)
	}
	if err := r.empty(below, depth+1); err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// moveUp puts a folder into the tree's own, under a name that is free.
func (r *removal) moveUp(dir int, name string) error {
	for {
		r.moved++
		err := unix.Renameat2(dir, name, r.top, ".removed-"+strconv.Itoa(r.moved), unix.RENAME_NOREPLACE)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
}

// unlink removes what is no folder. (false, nil): it is one.
func unlink(dir int, name string) (gone bool, err error) {
	err = unix.Unlinkat(dir, name, 0)
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
		return true, nil
	case errors.Is(err, unix.EISDIR):
		return false, nil
	}
	return false, err
}

// openFolder opens a folder for reading, also one that its owner may not read.
func openFolder(dir int, name string) (int, error) {
	fd, err := open(dir, name)
	if errors.Is(err, unix.EACCES) {
		if err := admit(dir, name); err != nil {
			return -1, err
		}
		return open(dir, name)
	}
	if err != nil || os.Geteuid() == 0 { // root needs no permission to remove
		return fd, err
	}
	if err := unix.Fchmod(fd, 0o700); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// admit lets the owner of a folder into it. The folder is held while its mode is
// changed: root, too, is kept out of some (FUSE, NFS), and who built the tree may
// put a link to something else of root's in its place.
func admit(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700)
}

func open(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// read gives some of the names in an open folder, from its beginning.
func read(dir int) ([]string, error) {
	if _, err := unix.Seek(dir, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	var names []string
	buf := make([]byte, 32<<10)
	for len(names) < batch {
		n, err := unix.ReadDirent(dir, buf)
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	return names, nil
}

func at(err error, path string) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "remove", Path: path, Err: err}
}
