package redisstore

import (
	"context"

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
		a.Revision = uint64(reply[0].(int64))
		a.Now = clock(reply[1].(int64))
		a.Identity = reply[2].(string)
		return nil
	}
}

// askStrings asks for records and counters together: both are strings.
func (s *Store) askStrings(ctx context.Context, pipe redis.Pipeliner, q store.Query) func(*store.Answer) error {
	if len(q.Keys)+len(q.Counters) == 0 {
		return nothing
	}
	cmd := pipe.MGet(ctx, append(s.keys(q.Keys), s.keys(q.Counters)...)...)
	return func(a *store.Answer) error {
		values, err := cmd.Result()
		if err != nil {
			return err
		}
		a.Records = records(values[:len(q.Keys)])
		a.Counters = counters(values[len(q.Keys):])
		return nil
	}
}

func nothing(*store.Answer) error { return nil }
