package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

//go:embed commit.lua
var commitLua string

// The same script twice: Redis at its memory limit refuses the first before it
// begins, and runs the second.
var (
	commitScript  = redis.NewScript(commitLua)
	freeingScript = redis.NewScript(strings.Replace(commitLua, "#!lua", "#!lua flags=allow-oom", 1))
)

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if err := c.Check(); err != nil {
		return store.Result{}, err
	}
	script := commitScript
	if c.Freeing {
		script = freeingScript
	}
	keys, args := s.encode(c)
	return await(ctx, func() (store.Result, error) {
		reply, err := script.Run(ctx, s.client, keys, args...).Slice()
		if err != nil {
			return store.Result{}, failure(err)
		}
		return result(reply)
	})
}

// encode writes a commit as commit.lua reads it.
func (s *Store) encode(c store.Commit) (keys []string, args []any) {
	keys = make([]string, 1, 1+len(c.Guards)+len(c.Effects))
	keys[0] = s.revision
	args = make([]any, 0, 2+3*len(c.Guards)+3*len(c.Effects))
	args = append(args, c.Identity, len(c.Guards))
	for _, g := range c.Guards {
		keys = append(keys, s.key(g.Key))
		args = appendGuard(args, g)
	}
	for _, e := range c.Effects {
		if e.Kind == store.EffectNotify {
			args = append(args, "notify", s.key(e.Key), e.Value)
			continue
		}
		keys = append(keys, s.key(e.Key))
		args = appendEffect(args, e)
	}
	return keys, args
}

func appendGuard(args []any, g store.Guard) []any {
	switch g.Kind {
	case store.GuardVersion:
		return append(args, "at", strconv.FormatUint(g.Version, 10))
	case store.GuardAtMost:
		return append(args, "most", g.N, g.Limit)
	}
	return append(args, "empty")
}

func appendEffect(args []any, e store.Effect) []any {
	switch e.Kind {
	case store.EffectPut:
		return append(args, "put", e.Value, milliseconds(e.TTL))
	case store.EffectDelete:
		return append(args, "del")
	case store.EffectIndex:
		return append(args, "index", e.Value)
	case store.EffectUnindex:
		return append(args, "unindex", e.Value)
	case store.EffectAdd:
		return append(args, "add", e.N)
	case store.EffectAppend:
		return append(args, "append", e.Value, e.Keep)
	}
	return append(args, "drop")
}

// milliseconds rounds up: a short time to live must not become none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// result reads what commit.lua answers.
func result(reply []any) (store.Result, error) {
	word, number := reply[0].(string), reply[1].(int64)
	r := store.Result{
		Conflict: store.NoConflict,
		Now:      clock(reply[2].(int64)),
		Identity: reply[3].(string),
	}
	switch word {
	case "ok":
		r.Revision = uint64(number)
	case "guard":
		r.Conflict = int(number)
	case "identity":
		r.Conflict = store.ConflictIdentity
	default:
		return store.Result{}, fmt.Errorf("%w: commit.lua answered %q", store.ErrUnavailable, word)
	}
	return r, nil
}

func clock(us int64) time.Time { return time.UnixMicro(us).UTC() }
