package redisstore

import (
	"context"
	"fmt"
	"strings"
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
	return result(reply, len(c.Guards))
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
	keys = append(make([]string, 0, 2+items), s.revision, none)
	args = append(make([]any, 0, 2+3*items), c.Identity, len(c.Guards))
	for _, g := range c.Guards {
		keys = append(keys, s.key(g.Key))
		word, x, y := guardWords(g)
		args = append(args, word, x, y)
	}
	for effects := c.Effects; len(effects) > 0; {
		n := runOf(effects)
		keys, args = s.encodeRun(effects[:n], keys, args)
		effects = effects[n:]
	}
	keys[1] = s.redoOf(c.Names()...)
	return keys, args
}

// redoOf is where a change of these keys is noted while a snapshot is taken. An
// agent's user may write only one of the two logs, so that nothing an agent notes
// there can pass for a server's.
func (s *Store) redoOf(keys ...string) string {
	for _, key := range keys {
		if !anAgentMay(key) {
			return s.key(store.RedoKey)
		}
	}
	return s.key(store.OwnRedoKey)
}

// anAgentMay reports whether agents' users may write a key (AgentACL).
func anAgentMay(key string) bool {
	return strings.HasPrefix(key, "live:") || strings.HasPrefix(key, "agent:")
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

// longRun is how many effects are one call of Redis at most: Lua's stack has
// room for 8,000 arguments.
const longRun = 1000

// runOf is how many of the effects, from the first on, commit.lua takes as one.
func runOf(effects []store.Effect) int {
	n := 1
	for n < len(effects) && n < longRun && joins(effects[0], effects[n]) {
		n++
	}
	return n
}

// joins reports whether two effects that stand side by side can be one call.
func joins(a, b store.Effect) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case store.EffectPut:
		return a.TTL == b.TTL
	case store.EffectDelete, store.EffectDropLog:
		return true
	case store.EffectIndex, store.EffectUnindex, store.EffectNotify:
		return a.Key == b.Key
	case store.EffectAppend:
		return a.Key == b.Key && a.Keep == b.Keep
	}
	return false
}

// encodeRun adds one run: its keys; and its word, its length, what all of it share, and the values.
func (s *Store) encodeRun(effects []store.Effect, keys []string, args []any) ([]string, []any) {
	first := effects[0]
	word, shared := s.runWords(first)
	args = append(args, word, len(effects), shared)
	for i, e := range effects {
		if i == 0 && e.Kind != store.EffectNotify || hasOwnKey(e) && i > 0 {
			keys = append(keys, s.key(e.Key))
		}
		switch e.Kind {
		case store.EffectAdd:
			args = append(args, e.N)
		case store.EffectDelete, store.EffectDropLog:
		default:
			args = append(args, e.Value)
		}
	}
	return keys, args
}

// hasOwnKey: each effect of a run has a key of its own, not all of them one.
func hasOwnKey(e store.Effect) bool {
	return e.Kind == store.EffectPut || e.Kind == store.EffectDelete || e.Kind == store.EffectDropLog
}

func (s *Store) runWords(e store.Effect) (word string, shared any) {
	switch e.Kind {
	case store.EffectPut:
		return "put", milliseconds(e.TTL)
	case store.EffectDelete:
		return "del", none
	case store.EffectIndex:
		return "index", none
	case store.EffectUnindex:
		return "unindex", none
	case store.EffectAdd:
		return "add", none
	case store.EffectAppend:
		return "append", e.Keep
	case store.EffectDropLog:
		return "drop", none
	}
	return "notify", s.key(e.Key)
}

// milliseconds rounds up: a short time to live must not become none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// result reads what commit.lua answers to a commit of so many guards.
func result(reply []any, guards int) (store.Result, error) {
	var word, identity string
	var number, now int64
	if err := read(reply, &word, &number, &now, &identity); err != nil {
		return store.Result{}, err
	}
	r := store.Result{Conflict: store.NoConflict, Now: clock(now), Identity: identity}
	switch {
	case word == "ok" && number >= 0:
		r.Revision = uint64(number)
	case word == "guard" && 0 <= number && number < int64(guards):
		r.Conflict = int(number)
	case word == "identity":
		r.Conflict = store.ConflictIdentity
	default:
		return store.Result{}, fmt.Errorf("%w: commit.lua answered %q %d", store.ErrUnavailable, word, number)
	}
	return r, nil
}

func clock(us int64) time.Time { return time.UnixMicro(us).UTC() }
