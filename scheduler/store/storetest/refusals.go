package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// refused commits what must be refused with an error, and changes nothing.
func (b *bench) refused(want error, guards []store.Guard, effects ...store.Effect) {
	b.t.Helper()
	before := b.read(store.Query{}).Revision
	_, err := b.Commit(b.ctx, store.Commit{Identity: b.identity, Guards: guards, Effects: effects})
	if !errors.Is(err, want) {
		b.t.Fatalf("%+v: %v, want %v", effects, err, want)
	}
	b.want(b.read(store.Query{}).Revision, before)
}

func testRefusals(t *testing.T, b *bench) {
	v := b.must(nil, store.Put("r", nil))
	accumulating := []store.Effect{
		store.Add("c", 1), store.Append("l", nil, 9), store.Notify("t", nil),
	}
	for _, e := range accumulating {
		b.refused(store.ErrUnsafeRepeat, nil, e)
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.At("r", v)}, e)
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.At("r", v)}, e, store.Put("s", nil))
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.AtMost("c", 1, 9), store.Empty("i")}, e, store.Index("i", nil))
		// Absence stays true after a delete, and comes back after a time to live.
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.Absent("s")}, e, store.Delete("s"))
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.Absent("s")}, e, store.Put("s", nil), store.Delete("s"))
		b.refused(store.ErrUnsafeRepeat, []store.Guard{store.Absent("s")}, e, store.PutTTL("s", nil, time.Hour))
	}
	for _, e := range accumulating {
		v = b.must([]store.Guard{store.At("r", v)}, e, store.PutTTL("r", nil, time.Hour))
		b.must([]store.Guard{store.At("r", v)}, e, store.Delete("r"))
		v = b.must([]store.Guard{store.Absent("r")}, e, store.Delete("r"), store.Put("r", nil))
		b.want(b.record("r").Version, v)
	}
	testMalformed(b)
}

func testMalformed(b *bench) {
	for _, e := range []store.Effect{
		{},
		{Kind: 99, Key: "k"},
		store.Put("", nil), store.PutTTL("k", nil, -1),
		store.Put(store.RevisionKey, nil),
	} {
		b.refused(store.ErrInvalid, nil, e)
	}
	guards, put := once("malformed")
	b.refused(store.ErrInvalid, guards, put, store.Append("l", nil, 0))
	b.refused(store.ErrInvalid, []store.Guard{{Key: "k"}})
	b.refused(store.ErrInvalid, []store.Guard{store.Absent("k")}, store.Index("k", nil))
	b.refused(store.ErrInvalid, guards, put, store.Notify("", nil))
}

func testLimits(t *testing.T, b *bench) {
	longest := strings.Repeat("k", store.MaxKeyBytes)
	v := b.must(nil, store.Put(longest, nil), store.Index("i", []byte(longest)))
	b.want(b.record(longest).Version, v)
	b.want(b.members("i"), []string{longest})

	guards, put := once("limits")
	for _, e := range []store.Effect{
		store.Put(longest+"k", nil), store.Delete(longest + "k"), store.Index("i", []byte(longest+"k")),
		store.Put("k", make([]byte, store.MaxValueBytes+1)), store.Add("c", store.MaxCounter+1),
		store.Append("l", make([]byte, store.MaxValueBytes+1), 9), store.Notify(longest+"k", nil),
	} {
		b.refused(store.ErrTooLarge, guards, put, e)
	}
	b.refused(store.ErrTooLarge, []store.Guard{store.Absent(longest + "k")})
	half := make([]byte, store.MaxValueBytes)
	b.refused(store.ErrTooLarge, nil, store.Put("a", half), store.Put("b", half), store.Put("c", []byte("1")))

	many := make([]store.Effect, store.MaxCommitItems)
	for i := range many {
		many[i] = store.Put("many", nil)
	}
	b.refused(store.ErrTooLarge, guards, many...)
	b.must(nil, many...)
}

// testKinds: a key names one thing, until that is gone.
func testKinds(t *testing.T, b *bench) {
	guards, put := once("mark")
	v := b.must(guards, put, store.Put("record", []byte("1")), store.Index("index", nil),
		store.Add("counter", 1), store.Append("log", nil, 9))
	guards, put = []store.Guard{store.At("mark", v)}, store.Delete("mark")
	for _, used := range []string{"record", "index", "counter", "log"} {
		for as, e := range map[string]store.Effect{
			"record": store.Put(used, nil), "index": store.Index(used, nil),
			"counter": store.Add(used, 1), "log": store.Append(used, nil, 9),
		} {
			if as != used {
				b.refused(store.ErrInvalid, guards, store.Put("first", nil), e, put)
			}
		}
	}
	b.want(b.record("first"), store.Record{})
	b.must(guards, put, store.Delete("record"), store.Unindex("index", nil), store.Add("counter", -1), store.DropLog("log"))
	for i, used := range []string{"record", "index", "counter", "log"} {
		b.must(nil, store.Index(used, []byte{byte(i)}))
	}
}
