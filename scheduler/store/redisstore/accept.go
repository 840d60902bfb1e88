package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// accept refuses a server that cannot keep the store's promises, and gives what
// is known of any other.
func (s *Store) accept(ctx context.Context) (map[string]string, error) {
	facts, err := s.facts(ctx)
	if err != nil {
		return nil, err
	}
	return facts, s.target.judge(facts)
}

// judge refuses with ErrConfig, and with ErrUnavailable a replica: that changes
// with the next failover.
func (t target) judge(facts map[string]string) error {
	switch facts["redis_mode"] {
	case "sentinel":
		return refuse("%s is a Sentinel: name it as redis+sentinel://HOST:PORT/MASTER/0", t)
	case "cluster":
		return refuse("%s is a Redis Cluster, which MLQ does not support", t)
	}
	if major, _, _ := strings.Cut(facts["redis_version"], "."); !atLeast(major, 7) {
		return refuse("%s is version %s; MLQ needs Redis 7.0 or newer", t, facts["redis_version"])
	}
	if words := evicts(facts); words != "" {
		return refuse("%s %s", t, words)
	}
	return master(facts)
}

// master refuses a replica.
func master(facts map[string]string) error {
	words := follows(facts)
	if words == "" {
		return nil
	}
	return fmt.Errorf("%w: it %s (of %s:%s)", store.ErrUnavailable, words, facts["master_host"], facts["master_port"])
}

// onlyMaster ends a new connection to a replica: it would read what was, and an
// acknowledged job would not be found. One goes there that was dialled while the
// server was demoted. (Sentinel ends those that were there before.)
func onlyMaster(ctx context.Context, c *redis.Conn) error {
	text, err := c.Info(ctx, "replication").Result()
	switch {
	case untold(err):
		return nil
	case err != nil:
		return err
	}
	return errors.Join(master(fields(text))) // what it wraps is all that go-redis would keep
}

// untold: INFO is not for this user, or not for anybody. Sentinels' connections come here too.
func untold(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) &&
		(strings.HasPrefix(answer.Error(), "NOPERM") || strings.HasPrefix(answer.Error(), "ERR unknown command"))
}

// evicts is why a server's policy must not be; "" where it is right.
func evicts(facts map[string]string) string {
	policy := facts["maxmemory_policy"]
	if policy == "noeviction" {
		return ""
	}
	return fmt.Sprintf("may evict keys when memory is full (maxmemory-policy %s), and with them jobs; "+
		"set maxmemory-policy noeviction", policy)
}

// follows says that a server is a replica; "" for a master.
func follows(facts map[string]string) string {
	if facts["role"] != "slave" {
		return ""
	}
	return "is a replica and takes no writes"
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
	return fields(text), nil
}

// fields reads the lines of INFO.
func fields(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}
