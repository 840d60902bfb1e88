package redisstore

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Watched = (*Store)(nil)

// Watchers implements store.Watched. PUBLISH counts who hears it, and is among
// the commands that servers may use anyway; PUBSUB is not.
func (s *Store) Watchers(ctx context.Context, topic string) (int64, error) {
	n, err := s.client.Publish(ctx, s.key(topic), "").Result()
	if err != nil {
		return 0, failure(err)
	}
	return n, nil
}
