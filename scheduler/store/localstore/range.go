package localstore

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// members answers a range.
func (v view) members(r store.Range) [][]byte {
	if r.Reverse {
		return v.descending(r)
	}
	return v.ascending(r)
}

func (v view) ascending(r store.Range) [][]byte {
	low, high := bounds(r.Index, r.From, r.To)
	skip := len(path(r.Index, indexKind))
	var out [][]byte
	cursor := v.data.Cursor()
	k, _ := cursor.Seek(low)
	for ; len(out) < r.Limit && k != nil && bytes.Compare(k, high) < 0; k, _ = cursor.Next() {
		out = append(out, bytes.Clone(k[skip:]))
	}
	return out
}

func (v view) descending(r store.Range) [][]byte {
	low, high := bounds(r.Index, r.To, r.From)
	skip := len(path(r.Index, indexKind))
	var out [][]byte
	cursor := v.data.Cursor()
	k := before(cursor, high)
	for ; len(out) < r.Limit && k != nil && bytes.Compare(k, low) >= 0; k, _ = cursor.Prev() {
		out = append(out, bytes.Clone(k[skip:]))
	}
	return out
}

// bounds are the paths of [from, to) in an index.
func bounds(index string, from, to []byte) (low, high []byte) {
	low, high = path(index, indexKind, from...), after(index, indexKind)
	if to != nil {
		high = path(index, indexKind, to...)
	}
	return low, high
}

// before moves to the last key that is < high.
func before(cursor *bolt.Cursor, high []byte) []byte {
	if k, _ := cursor.Seek(high); k == nil {
		k, _ = cursor.Last()
		return k
	}
	k, _ := cursor.Prev()
	return k
}
