package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// errFound ends a scan that looks for one key.
var errFound = errors.New("found")

// Bounds of one round trip of a restore.
const (
	restoreOps   = 1024
	restoreBytes = 4 << 20
)

// Empty implements store.Snapshots.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	err := s.scan(ctx, func(keys []string) error {
		if len(keys) > 0 {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return false, nil
	}
	return err == nil, err
}

// Restore implements store.Snapshots.
func (s *Store) Restore(ctx context.Context, revision uint64, next func() (store.Op, error)) error {
	if empty, err := s.Empty(ctx); err != nil {
		return err
	} else if !empty {
		return store.ErrNotEmpty
	}
	f := filler{store: s, version: fmt.Sprint(revision) + ":", last: map[string]store.EntryID{}, pipe: s.client.Pipeline()}
	f.pipe.Set(ctx, s.revision, revision, 0)
	for first := true; ; first = false {
		op, err := next()
		if errors.Is(err, io.EOF) {
			return f.flush(ctx)
		}
		if err == nil {
			err = f.add(ctx, op)
		}
		if err == nil && first {
			err = f.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// filler sends steps in pipelines.
type filler struct {
	store   *Store
	version string
	last    map[string]store.EntryID // of each log
	pipe    redis.Pipeliner
	bytes   int
}

func (f *filler) add(ctx context.Context, op store.Op) error {
	key := f.store.key(string(op.Key))
	switch op.Kind {
	case store.OpPut:
		f.put(ctx, key, op)
	case store.OpDelete:
		f.pipe.Unlink(ctx, key)
	case store.OpDrop:
		delete(f.last, key)
		f.pipe.Unlink(ctx, key)
	case store.OpIndex:
		f.pipe.ZAdd(ctx, key, redis.Z{Member: op.Value})
	case store.OpUnindex:
		f.pipe.ZRem(ctx, key, op.Value)
	case store.OpCount:
		if op.N == 0 { // a counter at 0 takes no space
			f.pipe.Unlink(ctx, key)
		} else {
			f.pipe.Set(ctx, key, op.N, 0)
		}
	case store.OpAppend:
		f.append(ctx, key, op)
	default:
		return fmt.Errorf("%w: step %q", store.ErrInvalid, op.Kind)
	}
	if f.bytes += len(op.Value); f.pipe.Len() < restoreOps && f.bytes < restoreBytes {
		return nil
	}
	return f.flush(ctx)
}

func (f *filler) put(ctx context.Context, key string, op store.Op) {
	value := f.version + string(op.Value)
	if op.Expires == 0 {
		f.pipe.Set(ctx, key, value, 0)
		return
	}
	at := time.UnixMicro(op.Expires + 999).UnixMilli() // a time to live is rounded up
	f.pipe.Do(ctx, "set", key, value, "pxat", at)
}

// append: an entry that is there already was read after it had been noted.
func (f *filler) append(ctx context.Context, key string, op store.Op) {
	if !op.ID().After(f.last[key]) {
		if op.N > 0 { // while the log was read, entries went at its other end
			f.pipe.XTrimMaxLen(ctx, key, op.N)
		}
		return
	}
	f.last[key] = op.ID()
	f.pipe.XAdd(ctx, &redis.XAddArgs{
		Stream: key, ID: fmt.Sprintf("%d-%d", op.Revision, op.Seq), MaxLen: op.N, Values: []any{"v", op.Value},
	})
}

func (f *filler) flush(ctx context.Context) error {
	cmds := f.pipe.Cmds()
	if err := f.store.courier.deliver(ctx, f.bytes, cmds...); err != nil {
		return failure(err)
	}
	f.pipe, f.bytes = f.store.client.Pipeline(), 0
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return failure(err)
		}
	}
	return nil
}

// Clear implements store.Snapshots.
func (s *Store) Clear(ctx context.Context) error {
	return s.scan(ctx, func(keys []string) error {
		if len(keys) == 0 {
			return nil
		}
		pipe := s.client.Pipeline()
		pipe.Unlink(ctx, s.keys(keys)...)
		cmds := pipe.Cmds()
		if err := s.courier.deliver(ctx, 0, cmds...); err != nil {
			return failure(err)
		}
		if err := cmds[0].Err(); err != nil {
			return failure(err)
		}
		return nil
	})
}
