package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

const (
	// masterName is what the sentinels call the master.
	masterName = "main"
	// namespace is what all keys are under.
	namespace = "chaos"
	// maxLag is min-replicas-max-lag in seconds: a master without an answer of its
	// replica for so long refuses writes. Redis counts in whole seconds.
	maxLag = 3
)

// Redis is one of the two servers of the store, with a connection of the world's
// own that no fault touches.
type Redis struct {
	*Process
	Client *redis.Client // as the default user, who may do everything
	Dir    string        // its append-only file and its settings

	port    int
	clock   *clock
	forward *translator // for the sentinels
	watched *Link       // the sentinels' link to it
	copied  *Link       // a replica's link to it
}

// Store is Redis as the lab runs it.
type Store struct {
	Servers   [2]*Redis
	Sentinels [3]*Sentinel
}

// Master is the server that the sentinels call the master, by the most of them.
func (s *Store) Master(ctx context.Context) (*Redis, error) {
	for _, sentinel := range s.Sentinels {
		addr, err := sentinel.Client.GetMasterAddrByName(ctx, masterName).Result()
		if err != nil || len(addr) != 2 {
			continue
		}
		for _, r := range s.Servers {
			if addr[1] == strconv.Itoa(portOf(r.watched.Addr())) {
				return r, nil
			}
		}
	}
	return nil, fmt.Errorf("no sentinel says who is master")
}

// Replica is the other one.
func (s *Store) Replica(ctx context.Context) (*Redis, error) {
	m, err := s.Master(ctx)
	if err != nil {
		return nil, err
	}
	return s.Other(m), nil
}

// Other is the one that r is not.
func (s *Store) Other(r *Redis) *Redis {
	if s.Servers[0] == r {
		return s.Servers[1]
	}
	return s.Servers[0]
}

// Replication is the link by which a server, as a replica, copies the other one.
func (s *Store) Replication(replica *Redis) *Link { return s.Other(replica).copied }

// newStore makes the processes; none is started.
func (w *World) newStore() (*Store, error) {
	s := new(Store)
	library, err := compileClock(w.opts.Dir)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"redis-a", "redis-b"} {
		r, err := w.newRedis(name, library)
		if err != nil {
			return nil, err
		}
		s.Servers[i] = r
	}
	a, b := s.Servers[0], s.Servers[1]
	// The sentinels name a server by their link to it, a replica by its own.
	names := table{portOf(a.watched.Addr()): portOf(a.copied.Addr()), portOf(b.watched.Addr()): portOf(b.copied.Addr())}
	a.forward.use(names, names.reversed())
	b.forward.use(names, names.reversed())
	for _, r := range s.Servers {
		if err := w.settle(r, r == b, a); err != nil {
			return nil, err
		}
	}
	for i := range s.Sentinels {
		sentinel, err := w.newSentinel(fmt.Sprint("sentinel-", i+1), a)
		if err != nil {
			return nil, err
		}
		s.Sentinels[i] = sentinel
	}
	return s, nil
}

func (w *World) newRedis(name, library string) (*Redis, error) {
	port, err := newPort()
	if err != nil {
		return nil, err
	}
	r := &Redis{port: port, Dir: filepath.Join(w.opts.Dir, name)}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	r.Client = redis.NewClient(&redis.Options{
		Addr: local(port), Protocol: 2, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, ContextTimeoutEnabled: true,
	})
	if r.forward, err = newTranslator(local(port)); err != nil {
		return nil, err
	}
	if r.watched, err = w.link("sentinels", name, r.forward.addr(), faultproxy.Raw); err != nil {
		return nil, err
	}
	if r.copied, err = w.link("replica", name, local(port), faultproxy.Raw); err != nil {
		return nil, err
	}
	if r.clock, err = newClock(library, filepath.Join(r.Dir, "clock")); err != nil {
		return nil, err
	}
	r.Process = w.process(name, KindRedis, r.clock.env(), "redis-server", r.conf())
	r.ready = func(ctx context.Context) error { return r.Client.Ping(ctx).Err() }
	return r, nil
}

// settle writes a server's settings: those that docs/operate.md recommends, and
// the users that it shows.
func (w *World) settle(r *Redis, replica bool, master *Redis) error {
	var conf strings.Builder
	fmt.Fprintf(&conf, `bind 127.0.0.1
port %d
dir %s
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
min-replicas-to-write 1
min-replicas-max-lag %d
repl-ping-replica-period 1
repl-timeout 5
repl-diskless-sync-delay 0
repl-backlog-size 16mb
replica-announce-ip 127.0.0.1
replica-announce-port %d
enable-debug-command local
`, r.port, r.Dir, maxLag, portOf(r.watched.Addr()))
	for _, rule := range w.opts.Users {
		fmt.Fprintln(&conf, "user", strings.Replace(rule, ">PASSWORD", ">pw", 1))
	}
	if replica {
		fmt.Fprintf(&conf, "replicaof 127.0.0.1 %d\n", portOf(master.copied.Addr()))
	}
	return os.WriteFile(r.conf(), []byte(conf.String()), 0o644)
}

// startStore starts all and waits until the replica has a copy and every
// sentinel knows it and the others.
func (w *World) startStore(ctx context.Context) error {
	s := w.Store
	for _, r := range s.Servers {
		if err := r.Restart(ctx); err != nil {
			return err
		}
	}
	if err := s.InSync(ctx); err != nil {
		return err
	}
	for _, sentinel := range s.Sentinels {
		if err := sentinel.Restart(ctx); err != nil {
			return err
		}
	}
	return until(ctx, startPatience, s.watchedOver)
}

// InSync waits until the replica has all that the master has written.
func (s *Store) InSync(ctx context.Context) error {
	return until(ctx, startPatience, func(ctx context.Context) error {
		for _, r := range s.Servers {
			now, err := replication(ctx, r)
			if err != nil {
				return err
			}
			if now.master {
				continue
			}
			master, err := replication(ctx, s.Other(r))
			if err != nil {
				return err
			}
			if master.master && now.linked && now.offset >= master.offset {
				return nil
			}
		}
		return fmt.Errorf("no replica has what a master has")
	})
}

func (s *Store) close() {
	for _, r := range s.Servers {
		if r != nil {
			r.forward.close()
			r.Client.Close()
			r.clock.close()
		}
	}
	for _, sentinel := range s.Sentinels {
		if sentinel != nil {
			sentinel.Client.Close()
		}
	}
}
