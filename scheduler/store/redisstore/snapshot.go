package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Snapshots = (*Store)(nil)

const (
	scanPage   = 256  // keys of one round trip
	memberPage = 1024 // members or entries of one
)

// Snapshot implements store.Snapshots, without stopping anybody: it reads key by
// key, each as it is at that moment, while commit.lua notes what is
// committed; those commits made again on top of what was read give the store as
// it was at the last of them (as a redo log does after a fuzzy checkpoint).
func (s *Store) Snapshot(ctx context.Context, do func(store.Op) error) (revision uint64, err error) {
	r, err := s.beginRedo(ctx)
	if r != nil {
		defer func() { err = errors.Join(err, r.end(ctx)) }()
	}
	if err != nil {
		return 0, err
	}
	err = s.scan(ctx, func(keys []string) error {
		if err := s.copyKeys(ctx, keys, do); err != nil {
			return err
		}
		return r.take(ctx)
	})
	if err == nil {
		err = r.take(ctx)
	}
	if err == nil {
		err = r.replay(do)
	}
	return r.at, err
}

// scan gives the names of all keys of the namespace, without its prefix, a page
// at a time. One that comes or goes meanwhile may be missed, another may come twice.
func (s *Store) scan(ctx context.Context, do func(keys []string) error) error {
	own := []string{store.RevisionKey, store.RedoKey, store.OwnRedoKey}
	for cursor := uint64(0); ; {
		cmd := redis.NewScanCmd(ctx, nil, "scan", cursor, "match", s.prefix+"*", "count", scanPage)
		if err := s.courier.deliver(ctx, 0, cmd); err != nil {
			return failure(err)
		}
		full, next, err := cmd.Result()
		if err != nil {
			return failure(err)
		}
		keys := make([]string, 0, len(full))
		for _, k := range full {
			if key := strings.TrimPrefix(k, s.prefix); !slices.Contains(own, key) {
				keys = append(keys, key)
			}
		}
		if err := do(keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// copyKeys reads a page of keys, whatever they are.
func (s *Store) copyKeys(ctx context.Context, keys []string, do func(store.Op) error) error {
	if len(keys) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	kinds := make([]*redis.StatusCmd, len(keys))
	for i, key := range keys {
		kinds[i] = pipe.Type(ctx, s.key(key))
	}
	if err := s.courier.deliver(ctx, 0, pipe.Cmds()...); err != nil {
		return failure(err)
	}
	var strings []string
	for i, key := range keys {
		kind, err := kinds[i].Result()
		if err != nil {
			return failure(err)
		}
		switch kind {
		case "string":
			strings = append(strings, key)
		case "zset":
			err = s.copyIndex(ctx, key, do)
		case "stream":
			err = s.copyLog(ctx, key, do)
		}
		if err != nil {
			return err
		}
	}
	return s.copyStrings(ctx, strings, do)
}

// gone is when a key ends that is not there.
const gone = time.Duration(-2)

// copyStrings reads records and counters.
func (s *Store) copyStrings(ctx context.Context, keys []string, do func(store.Op) error) error {
	if len(keys) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	all := mget(ctx, pipe, s.keys(keys))
	ends := make([]*redis.DurationCmd, len(keys))
	for i, key := range keys {
		ends[i] = pipe.PExpireTime(ctx, s.key(key))
	}
	if err := s.courier.deliver(ctx, 0, pipe.Cmds()...); err != nil {
		return failure(err)
	}
	values, err := all.Slice()
	if err != nil {
		return failure(err)
	}
	if len(values) != len(keys) {
		return fmt.Errorf("%w: %d values, want %d", store.ErrUnavailable, len(values), len(keys))
	}
	asRecords, asCounters := records(values), counters(values)
	for i, key := range keys {
		op := store.Op{Kind: store.OpCount, Key: []byte(key), N: asCounters[i]}
		if r := asRecords[i]; r.Version != 0 {
			end, err := ends[i].Result()
			if err != nil {
				return failure(err)
			}
			if end == gone {
				continue
			}
			op = store.Op{Kind: store.OpPut, Key: []byte(key), Value: r.Value, Expires: max(end.Microseconds(), 0)}
		}
		if values[i] == nil { // it has gone since, and is noted where that was not by its time
			continue
		}
		if err := do(op); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) copyIndex(ctx context.Context, key string, do func(store.Op) error) error {
	var from []byte
	for {
		a, err := s.Read(ctx, store.Query{Ranges: []store.Range{{Index: key, From: from, Limit: memberPage}}})
		if err != nil {
			return err
		}
		for _, m := range a.Ranges[0] {
			if err := do(store.Op{Kind: store.OpIndex, Key: []byte(key), Value: m}); err != nil {
				return err
			}
			from = append(slices.Clone(m), 0)
		}
		if len(a.Ranges[0]) < memberPage {
			return nil
		}
	}
}

func (s *Store) copyLog(ctx context.Context, key string, do func(store.Op) error) error {
	var after store.EntryID
	for {
		a, err := s.Read(ctx, store.Query{Logs: []store.LogRange{{Log: key, After: after, Limit: memberPage}}})
		if err != nil {
			return err
		}
		for _, e := range a.Logs[0] {
			op := store.Op{Kind: store.OpAppend, Key: []byte(key), Value: e.Value, Revision: e.ID.Revision, Seq: e.ID.Seq}
			if err := do(op); err != nil {
				return err
			}
			after = e.ID
		}
		if len(a.Logs[0]) < memberPage {
			return nil
		}
	}
}
