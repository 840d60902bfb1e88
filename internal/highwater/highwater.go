// Package highwater keeps a number that only grows in a small file: the
// highest job id that a server may have issued. It outlives the store, so that
// an id is not issued twice after a store was lost.
package highwater

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/mlq-dev/mlq/internal/sealed"
	"github.com/mlq-dev/mlq/scheduler"
)

// File is a scheduler.HighWater in one file. Safe for concurrent use.
type File struct {
	path string
	mu   sync.Mutex
}

var _ scheduler.HighWater = (*File)(nil)

// New returns the number that is kept at path; the file need not exist.
func New(path string) *File { return &File{path: path} }

// Load reads the number; 0 where there is no file yet. A file that cannot be
// read as a number is an error: guessing would issue ids twice.
func (f *File) Load() (scheduler.JobID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load()
}

func (f *File) load() (scheduler.JobID, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	number, _, err := sealed.Unseal(text)
	n, no := strconv.ParseInt(strings.TrimSpace(string(number)), 10, 64)
	if err != nil || no != nil || n < 0 || !strings.HasSuffix(string(number), "\n") {
		return 0, fmt.Errorf("%s is damaged: it does not hold a job id. Write a number into it that is above every id that was ever issued: echo NUMBER > %s", f.path, f.path)
	}
	return scheduler.JobID(n), nil
}

// Raise writes the number if it is higher; it is on disk when Raise returns.
func (f *File) Raise(to scheduler.JobID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := f.load()
	if err != nil || to <= now {
		return err
	}
	return replace(f.path, sealed.Seal(fmt.Appendln(nil, int64(to))))
}

// replace writes beside, syncs, renames, and syncs the folder: after a power
// cut the old number or the new one is there, never half of one.
func replace(path string, text []byte) error {
	beside := path + ".new"
	file, err := os.OpenFile(beside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
