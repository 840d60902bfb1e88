package storetest

import (
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// appendTo appends values to a log in one commit, and gives its revision.
func (b *bench) appendTo(log, mark string, keep int64, values ...string) uint64 {
	b.t.Helper()
	guards, put := once(mark)
	effects := []store.Effect{put}
	for _, v := range values {
		effects = append(effects, store.Append(log, []byte(v), keep))
	}
	return b.must(guards, effects...)
}

func entry(revision uint64, seq uint32, value string) store.Entry {
	return store.Entry{ID: store.EntryID{Revision: revision, Seq: seq}, Value: []byte(value)}
}

func testLogs(t *testing.T, b *bench) {
	b.want(b.entries(store.LogRange{Log: "l", Limit: 10}), []store.Entry(nil))
	r1 := b.appendTo("l", "1", 100, "a", "b")
	r2 := b.appendTo("l", "2", 100, "", "\x00\xff")
	all := []store.Entry{entry(r1, 0, "a"), entry(r1, 1, "b"), entry(r2, 0, ""), entry(r2, 1, "\x00\xff")}
	b.want(b.entries(store.LogRange{Log: "l", Limit: 10}), all)
	b.want(b.entries(store.LogRange{Log: "l", Limit: 0}), []store.Entry(nil))

	// Page by page, after the last id that was seen, all come once.
	var after store.EntryID
	for i := range all {
		page := b.entries(store.LogRange{Log: "l", After: after, Limit: 1})
		b.want(page, all[i:i+1])
		after = page[0].ID
	}
	b.want(b.entries(store.LogRange{Log: "l", After: after, Limit: 1}), []store.Entry(nil))
	// An id between two entries is a place too.
	b.want(b.entries(store.LogRange{Log: "l", After: store.EntryID{Revision: r1, Seq: 7}, Limit: 9}), all[2:])

	testLogsInOneCommit(b)
	testTrim(b)
}

// testLogsInOneCommit: ids count the commit's appends, over all logs.
func testLogsInOneCommit(b *bench) {
	guards, put := once("both")
	r := b.must(guards, put, store.Append("m", []byte("1"), 9), store.Append("n", []byte("2"), 9),
		store.DropLog("m"), store.Append("m", []byte("3"), 9))
	b.want(b.entries(store.LogRange{Log: "m", Limit: 9}), []store.Entry{entry(r, 2, "3")})
	b.want(b.entries(store.LogRange{Log: "n", Limit: 9}), []store.Entry{entry(r, 1, "2")})
	b.must(nil, store.DropLog("m"), store.DropLog("never was"))
	b.want(b.entries(store.LogRange{Log: "m", Limit: 9}), []store.Entry(nil))
	b.want(len(b.entries(store.LogRange{Log: "n", Limit: 9})), 1)
}

// testTrim: the last Keep entries stay, by the Keep of the last append.
func testTrim(b *bench) {
	var last uint64
	for i := range 300 {
		last = b.appendTo("t", fmt.Sprint("trim ", i), 100, "x", "y")
	}
	kept := b.entries(store.LogRange{Log: "t", Limit: 1000})
	b.want(len(kept), 100)
	b.want(kept[99].ID, store.EntryID{Revision: last, Seq: 1})
	b.want(kept[0].ID, store.EntryID{Revision: last - 49, Seq: 0})
	r := b.appendTo("t", "trimmed to one", 1, "z")
	b.want(b.entries(store.LogRange{Log: "t", Limit: 9}), []store.Entry{entry(r, 0, "z")})
}
