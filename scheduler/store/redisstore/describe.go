package redisstore

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Describe implements store.Store: where the store is, and what is lost when
// the machine under it stops.
func (s *Store) Describe(ctx context.Context) (string, error) {
	facts, err := s.accept(ctx)
	if err != nil {
		return "", err
	}
	if err := s.addSettings(ctx, facts); err != nil {
		return "", err
	}
	kept, words := durability(facts)
	s.promised.CompareAndSwap(0, int32(kept))
	worth := []string{words}
	if s.target.master != "" {
		worth = append(worth, failover(facts))
	}
	return fmt.Sprintf("%s (version %s): %s", s.target, facts["redis_version"], strings.Join(worth, "; ")), nil
}

func (s *Store) addSettings(ctx context.Context, facts map[string]string) error {
	settings, err := s.settings(ctx)
	maps.Copy(facts, settings)
	return err
}

// settings are what only CONFIG tells; nothing where this user may not ask.
func (s *Store) settings(ctx context.Context) (map[string]string, error) {
	get := redis.NewMapStringStringCmd(ctx, "config", "get",
		"appendfsync", "save", "stop-writes-on-bgsave-error", "min-replicas-to-write", "min-replicas-max-lag")
	if err := s.courier.deliver(ctx, 0, get); err != nil {
		return nil, err
	}
	settings, err := get.Result()
	if err != nil && refused(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(err)
	}
	return settings, nil
}

// refused: by an ACL, or by a managed server that hides the command.
func refused(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "ERR unknown")
}

// keep is how much of what was acknowledged a store has after a crash of its
// machine: more is better. 0 stands for none that was told yet.
type keep int32

const (
	keepsNothing keep = iota + 1
	keepsUnknown      // no AOF, and CONFIG is refused
	keepsSnapshots
	keepsSome // AOF, and CONFIG is refused
	keepsMinute
	keepsSecond
	keepsAll
)

// durability says what a crash of the machine loses of what was acknowledged.
func durability(facts map[string]string) (keep, string) {
	if facts["aof_enabled"] != "1" {
		return withoutAOF(facts)
	}
	switch facts["appendfsync"] {
	case "always":
		return keepsAll, "an acknowledgement means that it is on disk (AOF always)"
	case "everysec":
		return keepsSecond, "a crash of it or of its machine may lose the last second or two of what was acknowledged (AOF everysec)"
	case "no":
		return keepsMinute, "a crash of its machine may lose half a minute of what was acknowledged (AOF without fsync)"
	}
	return keepsSome, "what a crash of its machine loses is unknown (AOF, but CONFIG is refused)"
}

func withoutAOF(facts map[string]string) (keep, string) {
	switch save, known := facts["save"]; {
	case !known:
		return keepsUnknown, "WARNING: without AOF a restart loses what was acknowledged since an unknown time"
	case save == "":
		return keepsNothing, "WARNING: a restart loses EVERYTHING (neither AOF nor snapshots; set appendonly yes)"
	}
	return keepsSnapshots, "WARNING: a restart loses all that was acknowledged since the last snapshot (set appendonly yes)"
}
