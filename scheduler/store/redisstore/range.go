package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func (s *Store) askRanges(ctx context.Context, pipe redis.Pipeliner, ranges []store.Range) func(*store.Answer) error {
	cmds := make([]*redis.StringSliceCmd, len(ranges))
	for i, r := range ranges {
		if r.Limit > 0 {
			cmds[i] = pipe.ZRangeArgs(ctx, s.byLex(r))
		}
	}
	return func(a *store.Answer) error {
		for _, cmd := range cmds {
			members, err := members(cmd)
			if err != nil {
				return err
			}
			a.Ranges = append(a.Ranges, members)
		}
		return nil
	}
}

// byLex is the range in Redis' words; descending, Redis wants the high end first.
func (s *Store) byLex(r store.Range) redis.ZRangeArgs {
	start, stop := bounds(r.From, r.To)
	if r.Reverse {
		stop, start = bounds(r.To, r.From)
	}
	return redis.ZRangeArgs{
		Key: s.key(r.Index), Start: start, Stop: stop,
		ByLex: true, Rev: r.Reverse, Count: int64(r.Limit),
	}
}

// bounds writes [from, to) with open ends where they are nil.
func bounds(from, to []byte) (low, high string) {
	low, high = "-", "+"
	if from != nil {
		low = "[" + string(from)
	}
	if to != nil {
		high = "(" + string(to)
	}
	return low, high
}

func members(cmd *redis.StringSliceCmd) ([][]byte, error) {
	if cmd == nil {
		return nil, nil
	}
	all, err := found(cmd.Result())
	var out [][]byte
	for _, m := range all {
		out = append(out, []byte(m))
	}
	return out, err
}

func (s *Store) askCounts(ctx context.Context, pipe redis.Pipeliner, counts []store.Count) func(*store.Answer) error {
	cmds := make([]*redis.IntCmd, len(counts))
	for i, c := range counts {
		low, high := bounds(c.From, c.To)
		cmds[i] = pipe.ZLexCount(ctx, s.key(c.Index), low, high)
	}
	return func(a *store.Answer) error {
		for i, cmd := range cmds {
			n, err := found(cmd.Result())
			if err != nil {
				return err
			}
			a.Counts = append(a.Counts, capped(n, counts[i].Cap))
		}
		return nil
	}
}

func capped(n, most int64) int64 {
	if most > 0 && n > most {
		return most + 1
	}
	return n
}

func (s *Store) askLogs(ctx context.Context, pipe redis.Pipeliner, logs []store.LogRange) func(*store.Answer) error {
	cmds := make([]*redis.XMessageSliceCmd, len(logs))
	for i, r := range logs {
		if r.Limit > 0 {
			after := fmt.Sprintf("(%d-%d", r.After.Revision, r.After.Seq)
			cmds[i] = pipe.XRangeN(ctx, s.key(r.Log), after, "+", int64(r.Limit))
		}
	}
	return func(a *store.Answer) error {
		for _, cmd := range cmds {
			entries, err := logged(cmd)
			if err != nil {
				return err
			}
			a.Logs = append(a.Logs, entries)
		}
		return nil
	}
}

func logged(cmd *redis.XMessageSliceCmd) ([]store.Entry, error) {
	if cmd == nil {
		return nil, nil
	}
	messages, err := found(cmd.Result())
	if err != nil {
		return nil, err
	}
	return entries(messages)
}

// found turns a key that names something else into one that names nothing.
func found[T any](value T, err error) (T, error) {
	if err != nil && redis.HasErrorPrefix(err, "WRONGTYPE") {
		return *new(T), nil
	}
	return value, err
}
