package storetest

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func testGuards(t *testing.T, b *bench) {
	mark, put := once("mark")
	v := b.must(mark, put, store.Put("a", []byte("one")), store.Index("i", []byte("m")), store.Add("c", 5))

	b.conflicts(0, store.At("a", v+1))
	b.conflicts(0, store.At("a", v-1))
	b.conflicts(0, store.At("gone", v))
	b.conflicts(0, store.Absent("a"))
	b.conflicts(0, store.AtMost("c", 3, 7))
	b.conflicts(0, store.AtMost("none", 1, 0))
	b.conflicts(0, store.Empty("i"))

	// The first guard that does not hold is told, whatever follows.
	b.conflicts(1, store.At("a", v), store.Absent("a"), store.Empty("i"))
	b.conflicts(3, store.AtMost("c", 2, 7), store.Empty("j"), store.At("a", v), store.Absent("mark"))

	b.must([]store.Guard{
		store.At("a", v), store.Absent("gone"), store.Empty("j"),
		store.AtMost("c", 2, 7), store.AtMost("c", -9, -4), store.AtMost("none", 0, 0),
	}, store.Put("a", []byte("two")))
	b.conflicts(0, store.At("a", v))
	testIdentity(b)
}

// testIdentity: under another identity nothing holds and nothing is written.
func testIdentity(b *bench) {
	before := b.read(store.Query{}).Revision
	for _, identity := range []string{"", "other", b.identity + "0"} {
		r, err := b.Commit(b.ctx, store.Commit{
			Identity: identity,
			Guards:   []store.Guard{store.Absent("a")}, // would not hold either
			Effects:  []store.Effect{store.Put("never", nil)},
		})
		if err != nil || r.Conflict != store.ConflictIdentity || r.Identity != b.identity {
			b.t.Fatalf("commit under identity %q: %+v, %v", identity, r, err)
		}
	}
	after := b.read(store.Query{Keys: []string{"never"}})
	b.want(after.Records[0], store.Record{})
	b.want(after.Revision, before)
}
