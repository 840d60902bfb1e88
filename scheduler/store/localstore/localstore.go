// Package localstore is the embedded store: one bbolt file in a folder, without
// a server.
//
// One goroutine writes. It takes the commits that wait, decides each by itself
// in one bbolt transaction, and so lets them share one fsync; an answer is given
// after it. Reads run beside it on bbolt's snapshots. Notices stay in the
// process, which is why the folder belongs to one process at a time.
//
// bbolt does not see that a page was damaged: it shows other data, less of it, or ends the
// process. Open therefore reads the whole file first, by a reader of its own (boltfile), and holds it
// to a sum that each commit keeps (seal.go); so does each snapshot.
//
// The identity is drawn when the file is made and stays with it. A file put back
// from a backup keeps it too: whoever restores one starts a new identity by
// exporting and importing, never by copying.
package localstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/internal/hub"
)

// Store is a store.Store in one file.
type Store struct {
	db       *bolt.DB
	dir      string // a folder on the disk that has the file
	reserve  uint64 // bytes of that disk, for commits that free
	identity string
	describe string
	mended   bool // see Mended
	notices  hub.Hub

	queue   chan *request // to the writer, which answers all that it takes
	closing chan struct{}
	stopped chan struct{}         // closed when the writer has ended
	broken  atomic.Pointer[error] // why the file cannot be trusted any more; nil: it can
	once    sync.Once
}

var _ store.Store = (*Store)(nil)

func start(db *bolt.DB, v verified, dir, describe string) (*Store, error) {
	identity, err := prepare(db, v)
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &Store{
		db:       db,
		dir:      dir,
		reserve:  defaultReserve,
		identity: identity,
		describe: describe,
		mended:   v.oneMeta,
		queue:    make(chan *request),
		closing:  make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if err := c.Check(); err != nil {
		return store.Result{}, err
	}
	var result store.Result
	err := s.submit(ctx, func(t *txn) (err error) {
		if err := t.affords(c.Freeing); err != nil {
			return err
		}
		result, err = t.commit(c)
		return err
	})
	if err != nil {
		return store.Result{}, err
	}
	return result, nil
}

// Allocate implements store.Store.
func (s *Store) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	if err := store.CheckAllocate(counter, n); err != nil {
		return 0, "", err
	}
	var first int64
	err := s.submit(ctx, func(t *txn) (err error) {
		if err := t.affords(false); err != nil {
			return err
		}
		first, err = t.allocate(counter, n)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	return first, s.identity, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, topics ...string) (<-chan store.Notice, error) {
	ch, _, err := s.notices.Watch(ctx, topics, nil)
	return ch, err
}

// Describe implements store.Store.
func (s *Store) Describe(context.Context) (string, error) { return s.describe, nil }

// Mended says in words what was put right when the store was opened, "" if nothing was.
func (s *Store) Mended() string {
	if !s.mended {
		return ""
	}
	return "one of the two head pages of the store's file was damaged; it is written anew. What was acknowledged last may be missing, so the store counts as another one: ids jump, and old jobs wait for the hold-off"
}

// Close implements store.Store. What was acknowledged is on disk before.
func (s *Store) Close() error {
	err := error(nil)
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		s.notices.Close()
		if errors.Is(s.distrust(), ErrDamaged) {
			return // bbolt may hold its locks for ever; the file ends with the process
		}
		err = s.db.Close()
	})
	if err != nil {
		return fmt.Errorf("closing the store's file: %w", err)
	}
	return nil
}
