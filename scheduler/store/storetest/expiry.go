package storetest

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// testExpiry: a record with a time to live is there, then it is as absent as
// one that never was, for readers, guards and other kinds alike.
func testExpiry(t *testing.T, b *bench) {
	v := b.must(nil, store.PutTTL("soon", []byte("x"), time.Millisecond), store.PutTTL("later", []byte("y"), time.Hour))
	for b.record("soon").Version != 0 { // ends by the context of the bench
	}
	b.want(b.record("later"), store.Record{Value: []byte("y"), Version: v})
	b.conflicts(0, store.At("soon", v))
	b.must([]store.Guard{store.Absent("soon")}, store.Index("other", nil))

	// The last write decides whether, and when, a record is forgotten.
	v = b.must(nil, store.PutTTL("stays", nil, time.Millisecond), store.Put("stays", nil),
		store.PutTTL("goes", nil, time.Millisecond))
	for b.record("goes").Version != 0 {
	}
	b.want(b.record("stays").Version, v)
	b.must(nil, store.Index("goes", []byte("now an index")))
	b.want(b.members("goes"), []string{"now an index"})
	b.want(b.record("goes"), store.Record{})
}
