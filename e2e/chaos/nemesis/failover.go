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
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// lostWrites is F18: the replica hears nothing for a while, then the master dies
// and the replica takes its place, without what was acknowledged meanwhile. The
// world sees by itself in which time that was.
func lostWrites(d *draw) *strike {
	alone := d.between(200*time.Millisecond, 2*time.Second)
	return d.onStore(d.between(2*failover, 4*failover), func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		link := d.Store.Replication(d.Store.Other(r))
		link.Hold(faultproxy.Both)
		pause(ctx, alone)
		end := func(ctx context.Context) error { link.Heal(); return r.Restart(ctx) }
		return end, r.Kill()
	})
}

// splitBrain is F19: sentinels and replica lose sight of the master, whose clients
// go on to reach it. It stops acknowledging when its replica has been silent for
// min-replicas-max-lag, or goes on until the sentinels tell it, where that is
// turned off.
func splitBrain(d *draw) *strike {
	unguarded := d.r.IntN(2) == 0
	s := d.onStore(d.between(2*failover, 4*failover), func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		watched, err := d.Link("sentinels", r.Name)
		if err != nil {
			return nil, err
		}
		replication := d.Store.Replication(d.Store.Other(r))
		end := func(ctx context.Context) error {
			watched.Heal()
			replication.Heal()
			return d.guard(ctx, "1")
		}
		if unguarded {
			if err := d.guard(ctx, "0"); err != nil {
				return end, err
			}
		}
		watched.Hold(faultproxy.Both)
		replication.Hold(faultproxy.Both)
		return end, nil
	})
	s.target = fmt.Sprintf("store, min-replicas-to-write %d", map[bool]int{true: 0, false: 1}[unguarded])
	return s
}

// guard sets min-replicas-to-write on both servers.
func (d *draw) guard(ctx context.Context, n string) (err error) {
	for _, r := range d.Store.Servers {
		err = errors.Join(err, r.Client.ConfigSet(ctx, "min-replicas-to-write", n).Err())
	}
	return err
}

// tornLog is F23: the master dies, and the last of what it wrote to its disk is
// not there when it starts again, as after a power cut. It is back before a
// failover, and its replica takes over what it has. Then it writes its file anew, as
// docs/recovery.md has it: Redis 7.0 may leave the beginning of a commit in it, of which
// it makes half a commit when it starts the next time.
func tornLog(d *draw) *strike {
	share := d.r.Float64()
	return d.onStore(0, func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		end := func(ctx context.Context) error { return errors.Join(r.Restart(ctx), rewriteLog(ctx, r)) }
		before, _, err := logSize(r)
		from := int64(boottime.Now())
		if err != nil {
			return end, err
		}
		pause(ctx, 500*time.Millisecond)
		if err := r.Kill(); err != nil {
			return end, err
		}
		size, path, err := logSize(r)
		if err != nil {
			return end, err
		}
		if size >= before { // else it began a new file meanwhile: that one stays whole
			if err := os.Truncate(path, before+int64(share*float64(size-before))); err != nil {
				return end, err
			}
		}
		err = r.Restart(context.WithoutCancel(ctx))
		return end, errors.Join(err, d.seen(record.Interval{Kind: record.Loss, FromNS: from, ToNS: int64(boottime.Now())}))
	})
}

// rewriteLog has a server write its append-only file anew, and waits until it has.
func rewriteLog(ctx context.Context, r *world.Redis) error {
	err := r.Client.BgRewriteAOF(ctx).Err()
	for err == nil {
		var text string
		if text, err = r.Client.Info(ctx, "persistence").Result(); err == nil &&
			strings.Contains(text, "aof_rewrite_in_progress:0") && strings.Contains(text, "aof_rewrite_scheduled:0") {
			return nil
		}
		if !pause(ctx, 20*time.Millisecond) {
			err = ctx.Err()
		}
	}
	return fmt.Errorf("write the append-only file anew: %w", err)
}

// logSize is the size of the file that a server appends to, and where it is.
func logSize(r *world.Redis) (int64, string, error) {
	paths, err := filepath.Glob(filepath.Join(r.Dir, "appendonlydir", "*.incr.aof"))
	if err != nil {
		return 0, "", err
	}
	if len(paths) == 0 {
		return 0, "", fmt.Errorf("%s has no append-only file", r.Name)
	}
	path := paths[0]
	for _, other := range paths[1:] { // the newest has the highest number, or one digit more
		if len(other) > len(path) || len(other) == len(path) && other > path {
			path = other
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, "", err
	}
	return info.Size(), path, nil
}
