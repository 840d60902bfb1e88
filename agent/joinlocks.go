package agent

import "github.com/mlq-dev/mlq/internal/lockfile"

// joinLocks are the device locks that a joining agent could take: proof that
// nothing runs there. They are held until the join is over.
type joinLocks struct {
	dir  string
	held map[string]*lockfile.Lock
}

func newJoinLocks(dir string) *joinLocks {
	return &joinLocks{dir: dir, held: map[string]*lockfile.Lock{}}
}

// try reports whether this process holds the device's lock now.
func (j *joinLocks) try(uuid string) bool {
	if j.held[uuid] != nil {
		return true
	}
	l, err := lockfile.Acquire(lockfile.Path(j.dir, uuid))
	if err != nil {
		return false
	}
	j.held[uuid] = l
	return true
}

func (j *joinLocks) close() {
	for _, l := range j.held {
		closeLocks([]*lockfile.Lock{l})
	}
}
