package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// defaultLag is Redis's own min-replicas-max-lag; mostLag is the longest with which
// we say that a failover costs little.
const (
	defaultLag = 10 * time.Second
	mostLag    = 10 * time.Second
)

var _ store.FailsOver = (*Store)(nil)

// Lag implements store.FailsOver: min-replicas-max-lag behind Sentinel, where a
// master without replicas stops acknowledging after that long; 0 on a server
// that stands alone. Where the setting is not told, or the rule is off, it is
// Redis's default: then nothing bounds the time, which Describe says.
func (s *Store) Lag(ctx context.Context) (time.Duration, error) {
	if s.target.master == "" {
		return 0, nil
	}
	settings, err := s.settings(ctx)
	if err != nil {
		return 0, err
	}
	if lag := lagOf(settings); lag > 0 {
		return lag, nil
	}
	return defaultLag, nil
}

// lagOf is 0 where it is unknown or off.
func lagOf(settings map[string]string) time.Duration {
	seconds, err := strconv.Atoi(settings["min-replicas-max-lag"])
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// failover says what a change of master loses, and which promises of
// docs/protocol.md fall with it.
func failover(facts map[string]string) string {
	replicas, known := facts["min-replicas-to-write"]
	lag := lagOf(facts)
	switch {
	case !known:
		return "what a failover loses is unknown (CONFIG is refused)"
	case !atLeast(replicas, 1), lag == 0:
		return "WARNING: a master that is cut off goes on acknowledging what the failover throws away: an acknowledged job " +
			"may vanish, a job may have two results, and a cancelled one may start (promises 1, 2 and 4 fall; " +
			"set min-replicas-to-write 1 and min-replicas-max-lag 10)"
	case lag > mostLag:
		return fmt.Sprintf("WARNING: a failover may lose %s of what was acknowledged, and an acknowledged job may vanish with it "+
			"(promise 1 falls for so long; set min-replicas-max-lag 10)", lag)
	}
	return fmt.Sprintf("a failover may lose up to %s of what was acknowledged (min-replicas-to-write %s)", lag, replicas)
}
