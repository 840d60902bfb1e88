package storetest

import (
	"bytes"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func testEffects(t *testing.T, b *bench) {
	first := b.read(store.Query{Keys: []string{"a"}})
	b.want(first.Records[0], store.Record{})

	v1 := b.must(nil, store.Put("a", []byte("one")), store.Put("b", nil))
	b.want(b.record("a"), store.Record{Value: []byte("one"), Version: v1})
	b.want(b.record("b"), store.Record{Value: []byte{}, Version: v1})
	b.want(v1, first.Revision+1)

	// One commit's effects are made in order, under one revision.
	v2 := b.must(nil, store.Put("a", []byte("x")), store.Delete("a"), store.Put("a", []byte("y")),
		store.Delete("b"), store.Delete("never was"))
	b.want(v2, v1+1)
	b.want(b.record("a"), store.Record{Value: []byte("y"), Version: v2})
	b.want(b.record("b"), store.Record{})

	// A record made again never has a version it had before.
	v3 := b.must(nil, store.Delete("a"))
	v4 := b.must(nil, store.Put("a", []byte("y")))
	b.want([]uint64{v3, v4}, []uint64{v2 + 1, v2 + 2})
	b.conflicts(0, store.At("a", v2))

	// A commit without effects is applied too.
	b.want(b.must(nil), v4+1)
	testBytes(b)
	testIndex(b)
}

// testBytes: keys and values are bytes, whatever they look like to a store.
func testBytes(b *bench) {
	value := bytes.Repeat([]byte{0, 0xff, '\r', '\n', ':', '1'}, 10_000)
	keys := []string{"nul\x00", "high\xff\xfe", "12:", "{brace}:*", "new\nline", "ünïcode"}
	for _, key := range keys {
		v := b.must(nil, store.Put(key, value))
		b.want(b.record(key), store.Record{Value: value, Version: v})
	}
	// A key that begins with another is another key.
	b.must(nil, store.Put("p", []byte("1")), store.Put("pi", []byte("2")), store.Put("pir", []byte("3")))
	b.must(nil, store.Delete("pi"))
	got := b.read(store.Query{Keys: []string{"p", "pi", "pir", "p"}})
	for i, want := range []string{"1", "", "3", "1"} {
		b.want(string(got.Records[i].Value), want)
	}
}

func testIndex(b *bench) {
	b.must(nil, store.Index("i", []byte("b")), store.Index("i", []byte("a")), store.Index("i", []byte("b")))
	b.want(b.members("i"), []string{"a", "b"})
	b.must(nil, store.Unindex("i", []byte("a")), store.Unindex("i", []byte("z")), store.Unindex("none", nil))
	b.want(b.members("i"), []string{"b"})
	b.must(nil, store.Unindex("i", []byte("b")))
	b.must([]store.Guard{store.Empty("i")})
}
