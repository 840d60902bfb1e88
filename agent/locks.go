package agent

import (
	"os"

	"github.com/mlq-dev/mlq/internal/lockfile"
)

// lockAll takes the locks of all the devices or of none.
func (a *Agent) lockAll(uuids []string) ([]*lockfile.Lock, error) {
	locks := make([]*lockfile.Lock, 0, len(uuids))
	for _, uuid := range uuids {
		l, err := lockfile.Acquire(lockfile.Path(a.lockDir, uuid))
		if err != nil {
			closeLocks(locks)
			a.lockRefused(uuid)
			a.opts.Log.Warn().Err(err).Str("device", uuid).Msg("somebody else has this device now: another agent of this host, or a tool")
			return nil, err
		}
		locks = append(locks, l)
	}
	return locks, nil
}

// files are the descriptors of the locks.
func files(locks []*lockfile.Lock) []*os.File {
	fs := make([]*os.File, len(locks))
	for i, l := range locks {
		fs[i] = l.File()
	}
	return fs
}

// unlock closes our share of the device locks; the slot has its own.
func (t *attempt) unlock() {
	closeLocks(t.locks)
	t.locks = nil
}

// closeLocks gives up locks of devices that nothing of ours runs on. A
// descriptor that was only locked has nothing to lose at its close.
func closeLocks(locks []*lockfile.Lock) {
	for _, l := range locks {
		_ = l.Close()
	}
}
