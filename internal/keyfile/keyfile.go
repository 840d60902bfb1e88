// Package keyfile keeps files of keys: whole or not at all, and for nobody else's eyes.
package keyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	return write(path, text, os.Link)
}

// Replace writes a file that nobody else can read in place of the one that is there.
func Replace(path, text string) error {
	return write(path, text, os.Rename)
}

func write(path, text string, put func(from, to string) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a name too many for the same file, or gone
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
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
