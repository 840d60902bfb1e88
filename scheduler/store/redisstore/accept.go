package redisstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// accept refuses a server that cannot keep the store's promises, and gives what
// is known of any other.
func (s *Store) accept(ctx context.Context) (map[string]string, error) {
	facts, err := s.facts(ctx)
	if err != nil {
		return nil, err
	}
	return facts, s.judge(facts)
}

func (s *Store) judge(facts map[string]string) error {
	if major, _, _ := strings.Cut(facts["redis_version"], "."); !atLeast(major, 7) {
		return refuse("%s is version %s; MLQ needs Redis 7.0 or newer", s.target, facts["redis_version"])
	}
	if facts["redis_mode"] == "cluster" {
		return refuse("%s is a Redis Cluster, which MLQ does not support", s.target)
	}
	if policy := facts["maxmemory_policy"]; policy != "noeviction" {
		return refuse("%s may evict keys when memory is full (maxmemory-policy %s), and with them jobs; "+
			"set maxmemory-policy noeviction", s.target, policy)
	}
	return nil
}

func atLeast(number string, least int) bool {
	n, err := strconv.Atoi(number)
	return err == nil && n >= least
}

// facts are the fields of INFO, which a restricted user may ask for where
// CONFIG is refused.
func (s *Store) facts(ctx context.Context) (map[string]string, error) {
	info := redis.NewStringCmd(ctx, "info")
	if err := s.courier.deliver(ctx, 0, info); err != nil {
		return nil, err
	}
	text, err := info.Result()
	if err != nil {
		return nil, failure(err)
	}
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts, nil
}
