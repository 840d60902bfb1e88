package localstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	fileName  = "store.db"
	ownerName = "store.pid" // tells who has the folder; bbolt's flock decides it
	lockWait  = time.Second // a predecessor that is just ending may need it
)

// ErrTaken: another process has the folder.
var ErrTaken = errors.New("store folder is in use")

// Open opens the store in dir, making both if needed. A folder belongs to one
// process; a second one gets ErrTaken, with the number of the first.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store folder: %w", err)
	}
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, options(ctx))
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s%s", ErrTaken, dir, owner(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("store file in %s: %w", dir, err)
	}
	if err := settle(dir); err != nil {
		db.Close()
		return nil, fmt.Errorf("store folder: %w", err)
	}
	return start(db, dir, "embedded store in "+dir+": an acknowledgement means that it is on disk (fsync)")
}

// OpenMemory opens a store that is gone when the process ends: a file without a
// name and without fsync.
func OpenMemory() (*Store, error) {
	dir, err := os.MkdirTemp("", "mlq-memory-")
	if err != nil {
		return nil, fmt.Errorf("memory store: %w", err)
	}
	defer os.RemoveAll(dir) // the open file lives on without its name
	o := options(context.Background())
	o.NoSync, o.NoGrowSync, o.NoFreelistSync = true, true, true
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, o)
	if err != nil {
		return nil, fmt.Errorf("memory store: %w", err)
	}
	return start(db, os.TempDir(), "memory store: everything is lost when this process ends")
}

func options(ctx context.Context) *bolt.Options {
	wait := lockWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(min(wait, time.Until(deadline)), time.Millisecond)
	}
	return &bolt.Options{
		Timeout:      wait,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
	}
}

// settle writes who has the folder, and makes the new file's name durable.
func settle(dir string) error {
	pid := fmt.Sprintln(os.Getpid())
	if err := os.WriteFile(filepath.Join(dir, ownerName), []byte(pid), 0o600); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// owner says in words which process wrote its number last, if one can tell.
func owner(dir string) string {
	pid, err := os.ReadFile(filepath.Join(dir, ownerName))
	if err != nil {
		return ""
	}
	return " by process " + strings.TrimSpace(string(pid))
}
