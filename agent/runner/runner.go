// Package runner carries the Python files that run jobs, so that an
// environment needs cloudpickle and nothing else of ours. They are a copy of
// the package in client/python, made by go generate and compared by a test.
package runner

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

//go:generate go run ./copy

//go:embed all:files
var files embed.FS

// Install puts the files into a folder below dir that is named after their
// content, and returns its path, which is to stand first on Python's path. A
// folder that is there already is used if all files in it are as they were put there; else it is
// moved away, and aside says where to.
// Whoever jobs run as must be able to read it, so it is open to all; the
// folders above are the caller's business.
func Install(dir string) (path, aside string, err error) {
	version, err := digest()
	if err != nil {
		return "", "", fmt.Errorf("embedded runner: %w", err)
	}
	final := filepath.Join(dir, version)
	if intact(final) {
		return final, "", nil
	}
	if aside, err = putAside(final); err != nil {
		return "", "", fmt.Errorf("put the damaged runner aside: %w", err)
	}
	if err := place(dir, final); err != nil {
		return "", "", fmt.Errorf("install the runner: %w", err)
	}
	return final, aside, nil
}

// intact reports whether the folder has all files as they are in this program.
func intact(final string) bool {
	return each(func(name string, data []byte) error {
		got, err := os.ReadFile(filepath.Join(final, name))
		if err == nil && !bytes.Equal(got, data) {
			err = errors.New("it is another")
		}
		return err
	}) == nil
}

// putAside moves a folder that is not intact away, as jobs may run from it; "": there is none.
func putAside(final string) (string, error) {
	to := fmt.Sprintf("%s.damaged-%d", final, time.Now().UnixNano())
	err := os.Rename(final, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return to, err
}

// place writes the files beside their place and moves the folder there.
func place(dir, final string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := write(temp); err != nil {
		return err
	}
	err = os.Rename(temp, final)
	if _, there := os.Stat(final); there == nil {
		return nil // somebody else was faster, with the same files
	}
	return err
}

// write makes the tree below root, readable for all whatever the umask.
func write(root string) error {
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	return each(func(name string, data []byte) error {
		path := filepath.Join(root, name)
		folder := filepath.Dir(path)
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.Chmod(folder, 0o755)); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		return os.Chmod(path, 0o644)
	})
}

// digest names the content of all files.
func digest() (string, error) {
	hash := sha256.New()
	err := each(func(name string, data []byte) error {
		fmt.Fprintf(hash, "%s %d\n", name, len(data))
		hash.Write(data)
		return nil
	})
	return hex.EncodeToString(hash.Sum(nil))[:16], err
}

// each calls f with every file, in order of name.
func each(f func(name string, data []byte) error) error {
	root, err := fs.Sub(files, "files")
	if err != nil {
		return err
	}
	return fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return f(name, data)
	})
}
