package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/lockfile"
)

// ErrDataDirTaken: another agent on this host uses the data folder.
var ErrDataDirTaken = errors.New("the data folder is used by another agent")

// folders are the places in the data folder.
type folders struct {
	slots, spool, cache, jobs, runner string
}

// prepareFolders makes the data folder's places. Others may pass through it to
// the folders of their jobs, and see nothing on the way.
func prepareFolders(data string) (folders, error) {
	f := folders{
		slots: filepath.Join(data, "slots"), spool: filepath.Join(data, "spool"),
		cache: filepath.Join(data, "cache"), jobs: filepath.Join(data, "jobs"),
		runner: filepath.Join(data, "runner"),
	}
	for path, mode := range map[string]os.FileMode{
		data: 0o711, f.slots: 0o700, f.spool: 0o700, f.cache: 0o700, f.jobs: 0o711,
	} {
		if err := os.MkdirAll(path, mode); err != nil {
			return f, fmt.Errorf("data folder: %w", err)
		}
	}
	return f, nil
}

// lockDataDir makes this process the only agent of the folder, on any machine.
func lockDataDir(data string, log zerolog.Logger) (*lockfile.Lock, error) {
	if err := os.MkdirAll(data, 0o711); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := lockfile.AcquireOwn(filepath.Join(data, "agent.lock"))
	if errors.Is(err, lockfile.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrDataDirTaken, data)
	}
	if err != nil {
		return nil, err
	}
	this, err := thisMachine("/etc/machine-id")
	if err == nil {
		err = claimDataDir(data, this, log)
	}
	if err != nil {
		closeLocks([]*lockfile.Lock{lock})
		return nil, err
	}
	return lock, nil
}
