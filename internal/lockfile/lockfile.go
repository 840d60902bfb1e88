// Package lockfile holds a kernel lock on a file, as `flock` does: exclusive,
// and gone with the last process that has it open, however that one ended.
//
// The lock belongs to the open file, not to a process. An agent takes it,
// hands the descriptor to a slot and closes its own: the lock stays until the
// slot closes too. Nobody may therefore unlock it explicitly (that would end
// it for all holders), and a lock file is never removed (a second file of the
// same name would be a second lock).
package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/devicefile"
)

// ErrLocked: somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// Shared is the folder in which all agents and tools of a host keep their
// device locks, so that they see each other's.
const Shared = "/run/lock/mlq"

// Lock is a held lock.
type Lock struct{ file *os.File }

// Acquire takes the lock of the file at path, which is made where it does not
// exist. It does not wait: ErrLocked when somebody has it.
func Acquire(path string) (*Lock, error) {
	f, err := open(path, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return lock(f, path)
}

// AcquireOwn is Acquire of a lock that is no other user's business: who may
// read a lock file may hold the lock, and so keep its owner out.
func AcquireOwn(path string) (*Lock, error) {
	f, err := open(path, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := f.Chmod(0o600); err != nil { // one that was made by Acquire
		return nil, errors.Join(fmt.Errorf("open lock: %w", err), f.Close())
	}
	return lock(f, path)
}

func lock(f *os.File, path string) (*Lock, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return &Lock{file: f}, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
}

// open never creates a file that is there: in a sticky folder that all may
// write, the kernel refuses O_CREAT on somebody else's (fs.protected_regular).
// One that it makes has that mode whatever the umask: who cannot read a lock file
// cannot take part. It never waits: somebody may have made a pipe there, whose
// opening has no end.
func open(path string, mode fs.FileMode) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, mode)
		if errors.Is(err, fs.ErrExist) {
			continue // somebody else made it meanwhile
		}
		if err == nil {
			err = f.Chmod(mode)
		}
		if err != nil {
			return nil, errors.Join(err, closed(f))
		}
		return f, nil
	}
}

func closed(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// File is the locked file, to be handed to another process. It stays the
// Lock's to close.
func (l *Lock) File() *os.File { return l.file }

// Close gives up this holder's share of the lock; it is free when every
// process that was handed the file has closed it too.
func (l *Lock) Close() error { return l.file.Close() }

// Dir is the folder for device locks: Shared where it can be made and
// written, else private, which then is made.
func Dir(private string) (string, error) {
	if usable(Shared) {
		return Shared, nil
	}
	if err := os.MkdirAll(private, 0o700); err != nil {
		return "", fmt.Errorf("folder for locks: %w", err)
	}
	return private, nil
}

// usable makes the shared folder as /run/lock itself is: sticky, for all.
func usable(dir string) bool {
	if err := os.Mkdir(dir, 0o777); err == nil {
		if os.Chmod(dir, 0o777|fs.ModeSticky) != nil {
			return false
		}
	}
	return unix.Access(dir, unix.W_OK|unix.X_OK) == nil
}

// Path is the lock file of the device with this UUID in the folder dir; a / in a UUID is a _ there.
func Path(dir, uuid string) string { return filepath.Join(dir, devicefile.Name(uuid)+".lock") }
