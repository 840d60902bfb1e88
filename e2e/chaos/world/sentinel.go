package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel is one of the three that watch the store.
type Sentinel struct {
	*Process
	Client *redis.SentinelClient

	port int
}

func (w *World) newSentinel(name string, master *Redis) (*Sentinel, error) {
	port, err := newPort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.opts.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`bind 127.0.0.1
port %d
dir %s
sentinel monitor %[3]s 127.0.0.1 %[4]d 2
sentinel down-after-milliseconds %[3]s 1500
sentinel failover-timeout %[3]s 3000
sentinel parallel-syncs %[3]s 1
`, port, dir, masterName, portOf(master.watched.Addr()))
	path := filepath.Join(dir, "sentinel.conf") // which the sentinel writes to
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	s := &Sentinel{port: port, Process: w.process(name, KindSentinel, nil, "redis-server", path, "--sentinel")}
	s.Client = redis.NewSentinelClient(&redis.Options{
		Addr: local(port), Protocol: 2, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second, ContextTimeoutEnabled: true,
	})
	s.ready = s.hurry
	return s, nil
}

// hurry gives a sentinel that has started shorter times than Redis' own: as it
// comes it takes 20 s to tell a master that was away that it is none any more, and
// until then the new one is without a replica and refuses writes.
func (s *Sentinel) hurry(ctx context.Context) error {
	return s.Client.Process(ctx, redis.NewStatusCmd(ctx, "SENTINEL", "DEBUG",
		"INFO-PERIOD", "500", "PING-PERIOD", "200", "ASK-PERIOD", "200", "PUBLISH-PERIOD", "200",
		"MIN-LINK-RECONNECT-PERIOD", "1000", "SLAVE-RECONF-TIMEOUT", "1000", "ELECTION-TIMEOUT", "1000", "TILT-PERIOD", "1000"))
}

// watchedOver: each sentinel knows a replica and two others.
func (s *Store) watchedOver(ctx context.Context) error {
	for _, sentinel := range s.Sentinels {
		m, err := sentinel.Client.Master(ctx, masterName).Result()
		if err != nil {
			return err
		}
		if m["num-slaves"] != "1" || m["num-other-sentinels"] != "2" || m["flags"] != "master" {
			return fmt.Errorf("%s sees %s replicas, %s sentinels, a master that is %s", sentinel.Name, m["num-slaves"], m["num-other-sentinels"], m["flags"])
		}
	}
	return nil
}
