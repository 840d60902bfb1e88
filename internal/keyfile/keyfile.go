// Package keyfile keeps files of keys: whole or not at all, and for nobody else's eyes.
package keyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Private refuses a file that others can read: a key in it is none.
func Private(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s can be read by others: chmod 600 %s", path, path)
	}
	return err
}

// Lines gives the lines of a file that others cannot read, with their numbers from 1;
// empty ones and those that begin with # are left out. No file is os.ErrNotExist.
func Lines(path string) (lines map[int]string, order []int, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = Private(path)
	}
	if err != nil {
		return nil, nil, err
	}
	lines = make(map[int]string)
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines[n+1] = line
			order = append(order, n+1)
		}
	}
	return lines, order, nil
}

// WriteNew writes a file that nobody else can read. It appears whole, and never in
// place of one that is there (os.ErrExist): processes may share it.
func WriteNew(path, text string) error {
	return write(path, text, path, os.Link)
}

// Replace writes a file that nobody else can read in place of the one that is there.
func Replace(path, text string) error {
	return write(path, text, path, os.Rename)
}

// ReplaceAs is Replace for a file that is to belong to whom the file like belongs.
func ReplaceAs(like, path, text string) error {
	return write(path, text, like, os.Rename)
}

func write(path, text, like string, put func(from, to string) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a name too many for the same file, or gone
	_, err = file.WriteString(text)
	if err := errors.Join(err, giveAs(file, like), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := put(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// giveAs gives a new file to whom the one at like belongs, or where there is none its
// folder: what root writes for a server must be for the server's eyes.
func giveAs(file *os.File, like string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(like)
	if errors.Is(err, os.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(like))
	}
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // documented, on Linux
	err = file.Chown(int(owner.Uid), int(owner.Gid))
	if bearable(err) {
		return nil
	}
	return err
}

// bearable is an error of giving a file away that leaves it root's own: root in a container may
// lack that right (EPERM, from some file systems EACCES), or its user namespace has no number for
// the owner (EINVAL, chown(2)).
func bearable(err error) bool {
	return errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL)
}
