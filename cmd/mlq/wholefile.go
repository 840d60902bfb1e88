package main

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// intoFile has write fill the file at path in one step: where it fails, as on a full disk, the file stays
// as it was. One that is replaced keeps who may read it. What is no regular file, as /dev/stdout, is
// written to as it comes.
func intoFile(path string, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0) // as the process makes files
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fill(path, os.O_WRONLY, mode, write)
		}
		mode = info.Mode().Perm()
	}
	part := filepath.Join(filepath.Dir(path), ".mlq-"+rand.Text())
	err := fill(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode, write)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		err = errors.Join(err, ignoreMissing(os.Remove(part)))
	}
	return err
}

// fill writes a file. mode, where it is not 0, is set before the first byte.
func fill(path string, flags int, mode os.FileMode, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, flags, 0o666)
	if err != nil {
		return err
	}
	if mode != 0 {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = write(file)
	}
	return errors.Join(err, file.Close())
}
