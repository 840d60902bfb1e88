package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
)

// refusing is F26: a Redis that answers, and takes no writes.
func refusing(d *draw) *strike {
	return []func(*draw) *strike{misled, loading, unsaved}[d.r.IntN(3)](d)
}

// loading: the master is killed, and takes so long to load its file that all are answered
// LOADING. Sentinels take that for a sign of life, and promote nobody.
func loading(d *draw) *strike {
	lasts := d.between(500*time.Millisecond, 4*time.Second)
	s := d.onStore(lasts, func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		end := func(ctx context.Context) error { return errors.Join(r.Hasten(ctx), r.Restart(ctx)) }
		if err := r.Kill(); err != nil {
			return end, err
		}
		return end, r.RestartLoading(ctx)
	})
	s.target = "store, LOADING"
	return s
}

// unsaved: a snapshot of the master's fails, as a folder is where it is to be, and until
// one succeeds all that would write is answered MISCONF.
func unsaved(d *draw) *strike {
	s := d.onStore(d.between(500*time.Millisecond, 3*time.Second), func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		inTheWay := filepath.Join(r.Dir, "dump.rdb")
		end := func(ctx context.Context) error {
			return errors.Join(os.RemoveAll(inTheWay), r.Client.ConfigSet(ctx, "save", "").Err(), snapshot(ctx, r, "ok"))
		}
		err := errors.Join(os.RemoveAll(inTheWay), os.Mkdir(inTheWay, 0o700), r.Client.ConfigSet(ctx, "save", "3600 1").Err())
		if err != nil {
			return end, err
		}
		return end, snapshot(ctx, r, "err")
	})
	s.target = "store, MISCONF"
	return s
}

// snapshot has a server make snapshots until the last one ended as it is to end. One that a
// replica is just sent, and a file that is just written anew, keep others from beginning.
func snapshot(ctx context.Context, r *world.Redis, end string) error {
	for {
		begun := r.Client.Do(ctx, "BGSAVE", "SCHEDULE").Err()
		if !pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
		text, err := r.Client.Info(ctx, "persistence").Result()
		switch {
		case err != nil:
			return fmt.Errorf("a snapshot of %s: %w", r.Name, errors.Join(begun, err))
		case strings.Contains(text, "rdb_last_bgsave_status:"+end):
			return nil
		}
	}
}

// misled: the links of one process lead to the replica for a while, as a name does that
// was changed too early, and what it writes is answered READONLY.
func misled(d *draw) *strike {
	from := []string{d.server().Name, d.Hosts[d.r.IntN(2)].Name}[d.r.IntN(2)]
	links := d.toStore(from)
	s := onLinks(from, links, d.between(time.Second, 4*time.Second), nil)
	s.intervals = []record.Interval{outage()}
	s.touches = append(s.touches, store)
	var master, replica *world.Link
	s.inject = func(ctx context.Context) error {
		m, err := d.Store.Master(ctx)
		if err != nil {
			return err
		}
		for _, l := range links {
			switch l.To {
			case m.Name:
				master = l
			case d.Store.Other(m).Name:
				replica = l
			}
		}
		if master == nil || replica == nil {
			return errors.New("no links to both servers of the store")
		}
		s.swap(master, replica)
		return nil
	}
	s.heal = func(context.Context) error {
		if replica != nil {
			s.swap(master, replica)
		}
		return nil
	}
	return s
}

// swap lets each of two links lead where the other did.
func (s *strike) swap(a, b *world.Link) {
	toA, toB := a.Target(), b.Target()
	a.Retarget(toB)
	b.Retarget(toA)
	a.Cut()
	b.Cut()
}
