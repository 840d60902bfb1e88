package localstore

import (
	"errors"
	"fmt"
	"os"
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
func (s *Store) view(do func(*bolt.Tx) error) error { return s.begun(s.db.View, do) }

func (s *Store) update(do func(*bolt.Tx) error) error { return s.begun(s.db.Update, do) }

// begun runs a transaction. After one that finds damage nothing is written: the next start
// would refuse the file, with all that was acknowledged since. Where bbolt panics before it has
// begun, it was reading the head pages, and keeps the locks under which it does so: whoever comes
// next would wait for ever.
func (s *Store) begun(transaction func(func(*bolt.Tx) error) error, do func(*bolt.Tx) error) error {
	begun := false
	err := guarded(func() error {
		return transaction(func(tx *bolt.Tx) error { begun = true; return do(tx) })
	})
	if errors.Is(err, ErrDamaged) {
		if !begun {
			s.end(err)
		}
		why := unavailable(err)
		s.broken.CompareAndSwap(nil, &why)
	}
	return err
}

// end ends the process at once: net/http would catch a panic, and an orderly end needs the
// locks. The next start reads the whole file, and says what is the matter.
func (s *Store) end(why error) {
	fmt.Fprintf(os.Stderr, "mlq: the store in %s can be used no more: %v\n", s.dir, why)
	os.Exit(1)
}
