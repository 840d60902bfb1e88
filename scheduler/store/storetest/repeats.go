package storetest

import (
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// testRepeats: a commit that accumulates does so once, however often it is sent,
// also after its records were deleted and made again.
func testRepeats(t *testing.T, b *bench) {
	v := b.must(nil, store.Put("r", []byte("0")))
	updates := store.Commit{
		Identity: b.identity,
		Guards:   []store.Guard{store.At("r", v)},
		Effects: []store.Effect{
			store.Put("r", []byte("1")), store.Add("c", 1), store.Append("l", []byte("e"), 9),
			store.Index("i", []byte("m")), store.Notify("t", nil),
		},
	}
	creates := updates
	creates.Guards = []store.Guard{store.Absent("n")}
	creates.Effects = append([]store.Effect{store.Put("n", nil)}, updates.Effects...)

	b.onceOnly(updates, 1)
	b.onceOnly(creates, 2)
	b.must(nil, store.Delete("r"), store.Unindex("i", []byte("m")))
	b.sameAgain(updates, 2)
	b.must(nil, store.Put("r", []byte("0")))
	b.sameAgain(updates, 2)
	b.sameAgain(creates, 2)
}

// onceOnly applies a commit and repeats it.
func (b *bench) onceOnly(c store.Commit, counted int64) {
	b.t.Helper()
	if r, err := b.Commit(b.ctx, c); err != nil || !r.OK() {
		b.t.Fatalf("commit: %+v, %v", r, err)
	}
	b.sameAgain(c, counted)
}

// sameAgain repeats a commit, which must answer conflict and change nothing.
func (b *bench) sameAgain(c store.Commit, counted int64) {
	b.t.Helper()
	q := store.Query{
		Keys: []string{"r", "n"}, Counters: []string{"c"},
		Ranges: []store.Range{{Index: "i", Limit: 9}}, Logs: []store.LogRange{{Log: "l", Limit: 9}},
	}
	before := b.read(q)
	r, err := b.Commit(b.ctx, c)
	if err != nil || r.Conflict != 0 {
		b.t.Fatalf("repeat: %+v, %v; want conflict 0", r, err)
	}
	after := b.read(q)
	after.Now = before.Now
	b.want(after, before)
	b.want(after.Counters, []int64{counted})
	b.want(len(after.Logs[0]), int(counted))
}

// testAnyRepeat: whatever commit has updated a record, and whatever came after
// it, it is never applied again.
func testAnyRepeat(t *testing.T, b *bench) {
	const commits = 1500
	g := newGenerator(1)
	var applied []store.Commit
	for range commits {
		c := *g.commit()
		c.Identity = b.identity
		r, err := b.Commit(b.ctx, c)
		g.learn(operation{commit: &c}, outcome{Conflict: r.Conflict, Revision: r.Revision, Error: kindOf(err)})
		if err == nil && r.OK() && updates(c) {
			applied = append(applied, c)
		}
		if len(applied) > 0 {
			b.refusesRepeat(applied[g.IntN(len(applied))])
		}
	}
	if len(applied) < commits/20 {
		t.Fatalf("only %d commits were worth repeating", len(applied))
	}
}

func (b *bench) refusesRepeat(c store.Commit) {
	b.t.Helper()
	if r, err := b.Commit(b.ctx, c); err == nil && r.OK() {
		b.t.Fatalf("applied a second time: %+v", c)
	}
}

// updates reports whether a commit writes a record whose version it guards.
func updates(c store.Commit) bool {
	return slices.ContainsFunc(c.Guards, func(g store.Guard) bool {
		return g.Version > 0 && slices.ContainsFunc(c.Effects, func(e store.Effect) bool {
			return e.Key == g.Key && (e.Kind == store.EffectPut || e.Kind == store.EffectDelete)
		})
	})
}
