package localstore

import (
	"bytes"
	"context"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Read implements store.Store, on one snapshot of the file.
func (s *Store) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	if err := ctx.Err(); err != nil {
		return store.Answer{}, unavailable(err)
	}
	a := store.Answer{Identity: s.identity}
	err := s.view(func(tx *bolt.Tx) error {
		a.Now = now()
		a.Revision = numberFrom(tx.Bucket(metaBucket).Get(revisionName))
		view{tx.Bucket(dataBucket), a.Now}.answer(q, &a)
		return nil
	})
	if err != nil {
		return store.Answer{}, failure(err)
	}
	return a, nil
}

// now is the store's clock, in the precision that Redis has.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// view reads the data of one transaction. What it returns is copied: bbolt's
// own bytes end with the transaction.
type view struct {
	data *bolt.Bucket
	now  time.Time
}

func (v view) answer(q store.Query, a *store.Answer) {
	for _, key := range q.Keys {
		a.Records = append(a.Records, v.record(key))
	}
	for _, r := range q.Ranges {
		a.Ranges = append(a.Ranges, v.members(r))
	}
	for _, c := range q.Counts {
		a.Counts = append(a.Counts, v.count(c))
	}
	for _, key := range q.Counters {
		a.Counters = append(a.Counters, v.counter(key))
	}
	for _, r := range q.Logs {
		a.Logs = append(a.Logs, v.entries(r))
	}
}

func (v view) record(key string) store.Record {
	r, ok := decodeRecord(v.data.Get(path(key, recordKind)))
	if !ok || r.expired(v.now) {
		return store.Record{}
	}
	return store.Record{Value: bytes.Clone(r.value), Version: r.version}
}

func (v view) counter(key string) int64 {
	return int64(numberFrom(v.data.Get(path(key, counterKind))))
}

// count walks the members: bbolt does not know how many lie between two keys.
func (v view) count(c store.Count) int64 {
	low, high := bounds(c.Index, c.From, c.To)
	var n int64
	cursor := v.data.Cursor()
	for k, _ := cursor.Seek(low); k != nil && bytes.Compare(k, high) < 0; k, _ = cursor.Next() {
		n++
		if c.Cap > 0 && n > c.Cap {
			break
		}
	}
	return n
}

func (v view) entries(r store.LogRange) []store.Entry {
	var out []store.Entry
	prefix := path(r.Log, logKind)
	cursor := v.data.Cursor()
	k, value := cursor.Seek(path(r.Log, logKind, idBytes(next(r.After))...))
	for ; len(out) < r.Limit && bytes.HasPrefix(k, prefix); k, value = cursor.Next() {
		out = append(out, store.Entry{ID: idFrom(k[len(prefix):]), Value: bytes.Clone(value)})
	}
	return out
}

// next is the first id that is after id.
func next(id store.EntryID) store.EntryID {
	if id.Seq++; id.Seq == 0 {
		id.Revision++
	}
	return id
}
