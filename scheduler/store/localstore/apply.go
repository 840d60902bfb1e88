package localstore

import (
	"bytes"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// apply takes the next revision and makes all effects under it.
func (t *txn) apply(effects []store.Effect) {
	t.revision++
	id := store.EntryID{Revision: t.revision}
	for _, e := range effects {
		switch e.Kind {
		case store.EffectPut:
			t.putRecord(e)
		case store.EffectDelete:
			t.deleteRecord(e.Key)
		case store.EffectIndex:
			t.put(path(e.Key, indexKind, e.Value...), nil)
		case store.EffectUnindex:
			t.delete(path(e.Key, indexKind, e.Value...))
		case store.EffectAdd:
			t.add(e.Key, e.N)
		case store.EffectAppend:
			t.append(e, id)
			id.Seq++
		case store.EffectDropLog:
			t.dropLog(e.Key)
		case store.EffectNotify:
			t.notices = append(t.notices, store.Notice{Topic: e.Key, Value: bytes.Clone(e.Value)})
		}
	}
}

func (t *txn) putRecord(e store.Effect) {
	r := record{version: t.revision, value: e.Value}
	if e.TTL > 0 {
		r.expires = uint64(t.now.Add(e.TTL).UnixMicro())
	}
	t.setRecord(e.Key, r)
}

func (t *txn) setRecord(key string, r record) {
	t.deleteRecord(key) // with its place in the sweep
	if r.expires != 0 {
		t.keep(t.expiry.Put(expiryPath(r.expires, key), nil))
	}
	t.put(path(key, recordKind), r.encode())
}

func (t *txn) deleteRecord(key string) {
	at := path(key, recordKind)
	r, ok := decodeRecord(t.data.Get(at))
	if !ok {
		return
	}
	if r.expires != 0 {
		t.keep(t.expiry.Delete(expiryPath(r.expires, key)))
	}
	t.delete(at)
}

// add changes a counter; one that reaches 0 takes no space.
func (t *txn) add(key string, n int64) {
	at := path(key, counterKind)
	if n += t.counter(key); n == 0 {
		t.delete(at)
		return
	}
	t.put(at, numberBytes(uint64(n)))
}

// append adds an entry and drops the oldest ones above Keep.
func (t *txn) append(e store.Effect, id store.EntryID) {
	length := numberFrom(t.data.Get(path(e.Key, logKind))) + 1
	t.put(path(e.Key, logKind, idBytes(id)...), e.Value)
	t.trim(e.Key, length, e.Keep)
}

// trim drops the oldest of so many entries, and writes how many are left.
func (t *txn) trim(log string, length uint64, keep int64) {
	for ; length > uint64(keep); length-- {
		t.dropEntry(log)
	}
	t.put(path(log, logKind), numberBytes(length))
}

// dropEntry drops the oldest entry, which lies behind the length.
func (t *txn) dropEntry(log string) {
	cursor := t.data.Cursor()
	cursor.Seek(path(log, logKind))
	oldest, _ := cursor.Next()
	t.delete(bytes.Clone(oldest))
}

func (t *txn) dropLog(log string) {
	prefix := path(log, logKind)
	cursor := t.data.Cursor()
	for k, _ := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cursor.Seek(prefix) {
		t.delete(bytes.Clone(k))
	}
}

// names refuses a key that names something else than kind; kind 0 may be any.
func (t *txn) names(key string, kind byte) error {
	prefix := name(key)
	k, value := t.data.Cursor().Seek(prefix)
	if kind == 0 || !bytes.HasPrefix(k, prefix) || k[len(prefix)] == kind {
		return nil
	}
	if k[len(prefix)] == recordKind && t.forgotten(value) {
		t.deleteRecord(key) // so that its key is free
		return nil
	}
	return fmt.Errorf("%w: %s names something else", store.ErrInvalid, key)
}

func (t *txn) forgotten(value []byte) bool {
	r, ok := decodeRecord(value)
	return ok && r.expired(t.now)
}

func (t *txn) put(key, value []byte) { t.keep(t.data.Put(key, value)) }
func (t *txn) delete(key []byte)     { t.keep(t.data.Delete(key)) }

// keep keeps the first error.
func (t *txn) keep(err error) {
	if t.err == nil {
		t.err = err
	}
}
