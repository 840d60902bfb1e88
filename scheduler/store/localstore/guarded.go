package localstore

import (
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// guarded makes an error of what bbolt does where a page was damaged under the running process:
// it panics, or touches memory that is not there (a file that was cut).
func guarded(run func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return run()
}

// view and update run a transaction of bbolt, guarded.
func (s *Store) view(do func(*bolt.Tx) error) error {
	return guarded(func() error { return s.db.View(do) })
}

func (s *Store) update(do func(*bolt.Tx) error) error {
	return guarded(func() error { return s.db.Update(do) })
}
