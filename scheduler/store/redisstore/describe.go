package redisstore

import (
	"context"
	"fmt"
)

// Describe implements store.Store.
func (s *Store) Describe(ctx context.Context) (string, error) {
	if err := s.accept(ctx); err != nil {
		return "", err
	}
	facts, err := s.facts(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (version %s)", s.target, facts["redis_version"]), nil
}
