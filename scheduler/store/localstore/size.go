package localstore

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Sized = (*Store)(nil)

// Size implements store.Sized: the file, with what is free in it.
func (s *Store) Size(context.Context) (used, limit int64, err error) {
	err = s.view(func(tx *bolt.Tx) error { used = tx.Size(); return nil })
	if err != nil {
		return 0, 0, fmt.Errorf("size: %w", err)
	}
	return used, 0, nil
}
