package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Read implements store.Store: one pipeline, so that one connection, and with it
// one server, answers the stamp and all parts.
func (s *Store) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	pipe := s.client.Pipeline() // gathers the commands; the courier sends them
	answer := s.ask(ctx, pipe, q)
	if err := s.courier.deliver(ctx, 0, pipe.Cmds()...); err != nil {
		return store.Answer{}, failure(err)
	}
	a, err := answer()
	if err != nil {
		return store.Answer{}, failure(err)
	}
	return a, nil
}

// ask queues the parts of a query, and returns what reads their answers.
func (s *Store) ask(ctx context.Context, pipe redis.Pipeliner, q store.Query) func() (store.Answer, error) {
	var a store.Answer
	parts := []func(*store.Answer) error{
		s.askStamp(ctx, pipe),
		s.askStrings(ctx, pipe, q),
		s.askRanges(ctx, pipe, q.Ranges),
		s.askCounts(ctx, pipe, q.Counts),
		s.askLogs(ctx, pipe, q.Logs),
	}
	return func() (store.Answer, error) {
		for _, part := range parts {
			if err := part(&a); err != nil {
				return store.Answer{}, err
			}
		}
		return a, nil
	}
}

// askStamp sends the script's text each time: it is short, and a script that the
// server has forgotten would cost a second round trip.
func (s *Store) askStamp(ctx context.Context, pipe redis.Pipeliner) func(*store.Answer) error {
	cmd := pipe.EvalRO(ctx, stampLua, []string{s.revision})
	return func(a *store.Answer) error {
		reply, err := cmd.Slice()
		if err != nil {
			return err
		}
		var revision, now int64
		if err := read(reply, &revision, &now, &a.Identity); err != nil {
			return err
		}
		if revision < 0 {
			return fmt.Errorf("%w: revision %d", store.ErrUnavailable, revision)
		}
		a.Revision, a.Now = uint64(revision), clock(now)
		return nil
	}
}

// askStrings asks for records and counters together: both are strings.
func (s *Store) askStrings(ctx context.Context, pipe redis.Pipeliner, q store.Query) func(*store.Answer) error {
	if len(q.Keys)+len(q.Counters) == 0 {
		return nothing
	}
	cmd := mget(ctx, pipe, append(s.keys(q.Keys), s.keys(q.Counters)...))
	return func(a *store.Answer) error {
		values, err := cmd.Slice()
		if err != nil {
			return err
		}
		if len(values) != len(q.Keys)+len(q.Counters) {
			return fmt.Errorf("%w: %d values, want %d", store.ErrUnavailable, len(values), len(q.Keys)+len(q.Counters))
		}
		a.Records = records(values[:len(q.Keys)])
		a.Counters = counters(values[len(q.Keys):])
		return nil
	}
}

// mget is Pipeliner.MGet, whose reader takes a number for the length of a list.
func mget(ctx context.Context, pipe redis.Pipeliner, keys []string) *redis.Cmd {
	line := make([]any, 0, 1+len(keys))
	line = append(line, "mget")
	for _, k := range keys {
		line = append(line, k)
	}
	return pipe.Do(ctx, line...)
}

func nothing(*store.Answer) error { return nil }
