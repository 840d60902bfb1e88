package localstore

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// defaultReserve is the space of the disk that is kept for commits that free
// something. bbolt writes a page anew before it gives up the old one, so on a
// disk without any space not even a delete is possible.
const defaultReserve = 64 << 20

// space is how much the disk under the store has left. Where the system does
// not tell, a write will.
func (s *Store) space() uint64 {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return math.MaxUint64
	}
	return fs.Bavail * uint64(fs.Bsize)
}

// affords refuses what would take from the reserve without freeing anything.
func (t *txn) affords(freeing bool) error {
	if freeing || t.space >= t.reserve {
		return nil
	}
	return fmt.Errorf("%w: %d MiB left on its disk, of which %d are kept for what frees",
		store.ErrFull, t.space>>20, t.reserve>>20)
}
