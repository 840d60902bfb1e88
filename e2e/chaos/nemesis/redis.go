package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
)

// failover is when sentinels promote a replica: their down-after-milliseconds and
// what an election takes. What lasts less is a hitch, what lasts more a failover.
const failover = 1500 * time.Millisecond

// onStore is a strike on the master that there is when it comes. begin may give
// what ends it, nil where nothing is to be ended.
func (d *draw) onStore(lasts time.Duration, begin func(context.Context, *world.Redis) (end func(context.Context) error, err error)) *strike {
	var end func(context.Context) error
	return &strike{
		target: store, touches: []string{store}, lasts: lasts, intervals: []record.Interval{outage()},
		inject: func(ctx context.Context) error {
			master, err := d.Store.Master(ctx)
			if err != nil {
				return err
			}
			end, err = begin(ctx, master)
			return err
		},
		heal: func(ctx context.Context) error {
			if end == nil {
				return nil
			}
			return end(ctx)
		},
	}
}

// redisKilled is F14: with appendfsync everysec a killed process loses nothing
// that its kernel has, and a machine would; what waits for the file to be synced the
// kernel does not have (world's losses). It is back before a failover, or after.
func redisKilled(d *draw) *strike {
	return d.onStore(d.hitchOrFailover(), func(_ context.Context, r *world.Redis) (func(context.Context) error, error) {
		return func(ctx context.Context) error { return r.Restart(ctx) }, r.Kill()
	})
}

// redisStopped is F15, for 10 s of the protocol.
func redisStopped(d *draw) *strike {
	return d.onStore(10*time.Second/time.Duration(d.scale), func(_ context.Context, r *world.Redis) (func(context.Context) error, error) {
		return func(context.Context) error { return r.Cont() }, r.Stop()
	})
}

// redisStalled is F16, for up to 120 s of the protocol: one command keeps the
// server from all others, and sentinels promote the other one meanwhile.
func redisStalled(d *draw) *strike {
	lasts := d.between(failover/2, 120*time.Second/time.Duration(d.scale))
	return d.onStore(lasts, func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		return nil, unlessSlow(r.Client.Do(ctx, "DEBUG", "SLEEP", fmt.Sprintf("%.3f", lasts.Seconds())).Err())
	})
}

// unlessSlow is an error that is not the client's own patience.
func unlessSlow(err error) error {
	var slow interface{ Timeout() bool }
	if errors.As(err, &slow) && slow.Timeout() {
		return nil
	}
	return err
}

func (d *draw) hitchOrFailover() time.Duration {
	if d.r.IntN(2) == 0 {
		return d.between(0, failover/2)
	}
	return d.between(2*failover, 4*failover)
}

// clientsKilled is F17: every 200 ms all connections of clients are ended.
func clientsKilled(d *draw) *strike {
	return d.repeating(200*time.Millisecond, func(ctx context.Context, r *world.Redis) error {
		return r.Client.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err()
	})
}

// scriptsFlushed is F25: the server forgets all scripts again and again.
func scriptsFlushed(d *draw) *strike {
	return d.repeating(50*time.Millisecond, func(ctx context.Context, r *world.Redis) error {
		return r.Client.ScriptFlush(ctx).Err()
	})
}

// repeating does something to the master again and again for a few seconds, until
// the master is gone, as it may be by what is done to it.
func (d *draw) repeating(every time.Duration, do func(context.Context, *world.Redis) error) *strike {
	lasts := d.between(time.Second, 4*time.Second)
	return d.onStore(0, func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		if err := do(ctx, r); err != nil {
			return nil, err
		}
		for until := time.Now().Add(lasts); time.Now().Before(until) && pause(ctx, every); {
			if err := do(ctx, r); err != nil {
				return nil, unlessGone(err)
			}
		}
		return nil, nil
	})
}

// memoryFull is F21: what frees memory still works, all else is refused.
func memoryFull(d *draw) *strike {
	return d.onStore(d.between(500*time.Millisecond, 3*time.Second), func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		end := func(ctx context.Context) error { return r.Client.ConfigSet(ctx, "maxmemory", "0").Err() }
		return end, r.Client.ConfigSet(ctx, "maxmemory", "1").Err()
	})
}

// busy is F24: another client's script takes a second, and after 100 ms of it all
// others are told BUSY. Where F34 sets the clock back meanwhile it ends at once.
func busy(d *draw) *strike {
	const script = `local from, took = redis.call('TIME')
repeat
  local now = redis.call('TIME')
  took = (now[1] - from[1]) * 1000000 + now[2] - from[2]
until took > tonumber(ARGV[1]) or took < 0`
	us := d.between(300*time.Millisecond, failover-300*time.Millisecond).Microseconds()
	return d.onStore(0, func(ctx context.Context, r *world.Redis) (func(context.Context) error, error) {
		if err := r.Client.ConfigSet(ctx, "busy-reply-threshold", "100").Err(); err != nil { // it stays so: no script of ours takes as long
			return nil, err
		}
		err := r.Client.Eval(ctx, script, nil, us).Err()
		if errors.Is(err, redis.Nil) { // it gives nothing
			err = nil
		}
		return nil, unlessSlow(err)
	})
}

// unlessGone is an error that is not the server's end or its stand-still, which a
// fault before may have left.
func unlessGone(err error) error {
	var answer redis.Error
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return nil
}
