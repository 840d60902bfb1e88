package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// The keys of a differential run, few enough to meet often. Now and then one is
// used as something that it is not.
var (
	recordKeys  = names("record", 8)
	indexKeys   = names("index", 3)
	counterKeys = names("counter", 3)
	logKeys     = names("log", 2)
	topicNames  = names("topic", 2)
)

func names(what string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(what, i)
	}
	return out
}

// generator makes operations. It remembers the versions it has seen, so that a
// good part of its guards hold.
type generator struct {
	*rand.Rand
	versions map[string]uint64
	seen     map[string]int // kinds of outcomes
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 1)), map[string]uint64{}, map[string]int{}}
}

func (g *generator) next() operation {
	switch n := g.IntN(100); {
	case n < 35:
		return operation{read: g.query()}
	case n < 95:
		return operation{commit: g.commit(), stranger: g.oneIn(50)}
	default:
		return operation{allocate: g.key(counterKeys), n: g.Int64N(5)}
	}
}

// learn takes the versions out of an answer.
func (g *generator) learn(op operation, o outcome) {
	switch {
	case o.Error != "":
		g.seen[o.Error]++
	case op.read != nil:
		for i, key := range op.read.Keys {
			g.versions[key] = o.Answer.Records[i].Version
		}
	case op.commit != nil && o.Conflict == store.NoConflict:
		g.seen["applied"]++
		g.learnWrites(op.commit.Effects, o.Revision)
	case op.commit != nil:
		g.seen[fmt.Sprint("conflict ", min(o.Conflict, 0))]++
	}
}

func (g *generator) learnWrites(effects []store.Effect, revision uint64) {
	for _, e := range effects {
		switch e.Kind {
		case store.EffectPut:
			g.versions[e.Key] = revision
		case store.EffectDelete:
			g.versions[e.Key] = 0
		}
	}
}

// requireVariety fails a run in which some kind of outcome did not occur: it
// would have compared less than it claims.
func (g *generator) requireVariety(t *testing.T) {
	t.Helper()
	for _, kind := range []string{
		"applied", "conflict 0", "conflict -2",
		store.ErrInvalid.Error(), store.ErrTooLarge.Error(), store.ErrUnsafeRepeat.Error(),
	} {
		if g.seen[kind] < 3 {
			t.Errorf("only %d operations ended with %q: %v", g.seen[kind], kind, g.seen)
		}
	}
}

func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

// key picks one of the keys, or seldom any key at all.
func (g *generator) key(keys []string) string {
	if g.oneIn(500) {
		all := [][]string{recordKeys, indexKeys, counterKeys, logKeys}
		keys = all[g.IntN(len(all))]
	}
	return keys[g.IntN(len(keys))]
}

// member picks a short byte string, seldom one at the limit or over it, out of
// bytes that orders tend to get wrong.
func (g *generator) member() []byte {
	const alphabet = "\x00\x01([-+a\x7f\x80\xff"
	out := make([]byte, g.IntN(4))
	if g.oneIn(200) {
		out = make([]byte, store.MaxKeyBytes+g.IntN(2))
	}
	for i := range out {
		out[i] = alphabet[g.IntN(len(alphabet))]
	}
	return out
}

// bound is the end of a range: mostly a member, now and then open.
func (g *generator) bound() []byte {
	if g.oneIn(4) {
		return nil
	}
	return g.member()
}

func (g *generator) value() []byte {
	out := make([]byte, g.IntN(100))
	if g.oneIn(100) {
		out = make([]byte, 20_000)
	}
	for i := range out {
		out[i] = byte(g.Uint32())
	}
	return out
}

// number is mostly small, now and then large enough to reach the limit.
func (g *generator) number() int64 {
	if g.oneIn(20) {
		return g.Int64N(2*store.MaxCounter) - store.MaxCounter
	}
	return g.Int64N(7) - 3
}

func (g *generator) ttl() time.Duration {
	if g.oneIn(10) {
		return time.Hour // long enough to be there until the end
	}
	return 0
}
