package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Sized = (*Store)(nil)

// Size implements store.Sized: the memory that the Redis uses, for all that it
// has, and its maxmemory.
func (s *Store) Size(ctx context.Context) (used, limit int64, err error) {
	facts, err := s.facts(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("size: %w", err)
	}
	if used, err = strconv.ParseInt(facts["used_memory"], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("size: INFO has no used_memory: %w", err)
	}
	if limit, err = strconv.ParseInt(facts["maxmemory"], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("size: INFO has no maxmemory: %w", err)
	}
	return used, limit, nil
}
