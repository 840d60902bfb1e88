package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const (
	fileName  = "store.db"
	ownerName = "store.pid" // tells who has the folder; bbolt's flock decides it
	lockWait  = time.Second // a predecessor that is just ending may need it
	lockAgain = 20 * time.Millisecond
)

// ErrTaken: another process has the folder.
var ErrTaken = errors.New("store folder is in use")

// Open opens the store in dir, making both if needed. A folder belongs to one
// process; a second one gets ErrTaken, with the number of the first. The whole file is read
// first: one that is not as it was written is refused (ErrDamaged).
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store folder: %w", err)
	}
	f, err := lockFile(ctx, dir)
	if err != nil {
		return nil, err
	}
	v, err := verify(f)
	if err == nil && v.fresh {
		err = makeRoom(f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), errors.Join(err, f.Close()))
	}
	db, err := mapFile(f, options(ctx))
	if err != nil {
		return nil, fmt.Errorf("store file in %s: %w", dir, err)
	}
	if err := settle(dir); err != nil {
		db.Close()
		return nil, fmt.Errorf("store folder: %w", err)
	}
	return start(db, v, dir, "embedded store in "+dir+": an acknowledgement means that it is on disk (fsync)")
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
	return start(db, verified{}, os.TempDir(), "memory store: everything is lost when this process ends")
}

// lockFile opens the file and takes bbolt's own lock of it, before bbolt does: what is
// verified is what is used.
func lockFile(ctx context.Context, dir string) (*os.File, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, fmt.Errorf("store file: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), errors.Join(err, f.Close()))
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%w: %s%s", ErrTaken, dir, owner(dir)), f.Close())
		case <-time.After(lockAgain):
		}
	}
}

// openFile opens the file, or makes it. One of 0 bytes was cut, if it had an owner: bbolt
// would take it for a new one.
func openFile(dir string) (*os.File, error) {
	path, note := filepath.Join(dir, fileName), filepath.Join(dir, ownerName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(note); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if _, owned := os.Stat(note); err == nil && info.Size() == 0 && owned == nil {
		err = fmt.Errorf("%s: %w: it has 0 bytes", path, ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// firstPages are what bbolt writes into a new file, at once.
const firstPages = 4

// makeRoom has the disk keep room for them. Where it has none, half of them would be there,
// and the next start would call the file damaged.
func makeRoom(f *os.File) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, int64(firstPages*os.Getpagesize()))
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // the write itself will tell
	}
	return err
}

// mapFile hands a locked file to bbolt, which closes it.
func mapFile(f *os.File, o *bolt.Options) (db *bolt.DB, err error) {
	o.OpenFile = func(string, int, os.FileMode) (*os.File, error) { return f, nil }
	err = guarded(func() (err error) { db, err = bolt.Open(f.Name(), 0o600, o); return err })
	return db, err
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
