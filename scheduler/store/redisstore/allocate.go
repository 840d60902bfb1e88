package redisstore

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

//go:embed allocate.lua
var allocateLua string

var allocateScript = redis.NewScript(allocateLua)

// Allocate implements store.Store.
func (s *Store) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	if err := store.CheckAllocate(counter, n); err != nil {
		return 0, "", err
	}
	reply, err := await(ctx, func() ([]any, error) {
		reply, err := allocateScript.Run(ctx, s.client, []string{s.key(counter)}, n).Slice()
		if err != nil {
			return nil, failure(err)
		}
		return reply, nil
	})
	if err != nil {
		return 0, "", err
	}
	return reply[0].(int64) - n + 1, reply[1].(string), nil
}
