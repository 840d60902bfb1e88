package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Sized = (*Store)(nil)

// Size implements store.Sized: the memory that the Redis uses, for all that it has.
func (s *Store) Size(ctx context.Context) (int64, error) {
	facts, err := s.facts(ctx)
	if err != nil {
		return 0, fmt.Errorf("size: %w", err)
	}
	n, err := strconv.ParseInt(facts["used_memory"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("size: INFO has no used_memory: %w", err)
	}
	return n, nil
}
