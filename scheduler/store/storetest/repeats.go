package storetest

import (
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

// testAnyRepeat: every commit is sent twice, and again when the records that it
// guards were deleted and made anew. What accumulates happens once, and nothing
// at all happens where it has a guard that its own effects falsify.
func testAnyRepeat(t *testing.T, b *bench) {
	const commits = 300
	g := newGenerator(1)
	applied, once := 0, 0
	for range commits {
		c := *g.commit()
		c.Identity = b.identity
		r, err := b.Commit(b.ctx, c)
		g.learn(operation{commit: &c}, outcome{Conflict: r.Conflict, Revision: r.Revision, Error: kindOf(err)})
		if err != nil || !r.OK() {
			b.repeats(g, c, false)
			continue
		}
		applied++
		b.repeats(g, c, true)
		if keys := falsified(c); len(keys) > 0 {
			once++
			b.makeAnew(g, keys)
			b.repeats(g, c, true)
		}
	}
	t.Logf("%d commits sent twice, %d of them applied, %d sent again after delete and re-create", commits, applied, once)
	if once < commits/10 {
		t.Fatalf("only %d commits had a guard against their repeat", once)
	}
}

// repeats sends a commit once more. was: it was applied before.
func (b *bench) repeats(g *generator, c store.Commit, was bool) {
	b.t.Helper()
	before := b.read(*everything())
	r, err := b.Commit(b.ctx, c)
	g.learn(operation{commit: &c}, outcome{Conflict: r.Conflict, Revision: r.Revision, Error: kindOf(err)})
	changes := err == nil && r.OK()
	if changes && (!was || len(falsified(c)) > 0) {
		b.t.Fatalf("applied by its repeat: %+v", c)
	}
	after := b.read(*everything())
	if changes { // records are written once more, with what they had
		for i := range after.Records {
			after.Records[i].Version, before.Records[i].Version = 0, 0
		}
		after.Revision, before.Revision = 0, 0
	}
	after.Now = before.Now
	b.want(after, before)
}

// makeAnew deletes records and makes them again, with something else in them.
func (b *bench) makeAnew(g *generator, keys []string) {
	b.t.Helper()
	for _, key := range keys {
		b.must(nil, store.Delete(key))
		g.versions[key] = b.must(nil, store.Put(key, []byte("anew")))
	}
}

// falsified gives the records that a commit guards and writes in such a way
// that the guard cannot hold after it.
func falsified(c store.Commit) (keys []string) {
	for _, guard := range c.Guards {
		if guard.Kind != store.GuardVersion {
			continue
		}
		there := guard.Version != 0 // after the commit: is the record there?
		written := false
		for _, e := range c.Effects {
			if e.Key == guard.Key && (e.Kind == store.EffectPut || e.Kind == store.EffectDelete) {
				there, written = e.Kind == store.EffectPut, true
			}
		}
		if written && (there || guard.Version != 0) {
			keys = append(keys, guard.Key)
		}
	}
	return keys
}
