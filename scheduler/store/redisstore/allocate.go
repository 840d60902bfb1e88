package redisstore

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Allocate implements store.Store.
func (s *Store) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	if err := store.CheckAllocate(counter, n); err != nil {
		return 0, "", err
	}
	reply, err := s.run(ctx, allocateScript, 0, []string{s.key(counter), s.revision, s.redoOf(counter)}, []any{n})
	if err != nil {
		return 0, "", err
	}
	var last int64
	var identity string
	if err := read(reply, &last, &identity); err != nil {
		return 0, "", err
	}
	return last - n + 1, identity, nil
}
