package storetest

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// testClock: reads and commits, applied or not, tell the store's time and
// identity.
func testClock(t *testing.T, b *bench) {
	before := time.Now().Add(-time.Minute) // the clocks of two machines differ, but not by that
	applied := b.commit([]store.Guard{store.Absent("a")}, store.Put("a", nil))
	refused := b.commit([]store.Guard{store.Absent("a")}, store.Put("a", nil))
	stranger, err := b.Commit(b.ctx, store.Commit{Identity: "other"})
	if err != nil {
		t.Fatal(err)
	}
	read := b.read(store.Query{})
	for i, now := range []time.Time{applied.Now, refused.Now, stranger.Now, read.Now} {
		if now.Before(before) || now.After(before.Add(time.Hour)) || now.Location() != time.UTC {
			t.Errorf("answer %d tells the time %v", i, now)
		}
		before = now
	}
	for _, identity := range []string{applied.Identity, refused.Identity, stranger.Identity, read.Identity} {
		b.want(identity, b.identity)
	}
	b.want([]uint64{applied.Revision, refused.Revision, stranger.Revision, read.Revision}, []uint64{1, 0, 0, 1})
}
