package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if err := c.Check(); err != nil {
		return store.Result{}, err
	}
	sc := commitScript
	if c.Freeing {
		sc = freeingScript
	}
	keys, args := s.encode(c)
	reply, err := s.run(ctx, sc, sizeOf(c), keys, args)
	if err != nil {
		return store.Result{}, err
	}
	return result(reply)
}

func sizeOf(c store.Commit) int {
	size := 0
	for _, e := range c.Effects {
		size += len(e.Value)
	}
	return size
}

// encode writes a commit as commit.lua reads it.
func (s *Store) encode(c store.Commit) (keys []string, args []any) {
	items := len(c.Guards) + len(c.Effects)
	keys = append(make([]string, 0, 1+items), s.revision)
	args = append(make([]any, 0, 2+3*items), c.Identity, len(c.Guards))
	for _, g := range c.Guards {
		keys = append(keys, s.key(g.Key))
		word, x, y := guardWords(g)
		args = append(args, word, x, y)
	}
	for _, e := range c.Effects {
		key := s.key(e.Key)
		word, x, y := effectWords(e, key)
		if e.Kind == store.EffectNotify {
			key = s.revision
		}
		keys = append(keys, key)
		args = append(args, word, x, y)
	}
	return keys, args
}

// none stands for an operand that a word does not have.
const none = ""

func guardWords(g store.Guard) (word string, x, y any) {
	switch g.Kind {
	case store.GuardVersion:
		return "at", g.Version, none
	case store.GuardAtMost:
		return "most", g.N, g.Limit
	}
	return "empty", none, none
}

func effectWords(e store.Effect, full string) (word string, x, y any) {
	switch e.Kind {
	case store.EffectPut:
		return "put", e.Value, milliseconds(e.TTL)
	case store.EffectDelete:
		return "del", none, none
	case store.EffectIndex:
		return "index", e.Value, none
	case store.EffectUnindex:
		return "unindex", e.Value, none
	case store.EffectAdd:
		return "add", e.N, none
	case store.EffectAppend:
		return "append", e.Value, e.Keep
	case store.EffectDropLog:
		return "drop", none, none
	}
	return "notify", full, e.Value
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
