package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Snapshots = (*Store)(nil)

// Snapshot implements store.Snapshots: one read transaction. Commits go on
// beside it, but pages that they give up are not used again before it ends, so
// that the file grows as long as do takes. At its end what was read is held to the seal
// (ErrDamaged), so that no backup has what a disk made of the file since it was opened.
func (s *Store) Snapshot(ctx context.Context, do func(store.Op) error) (revision uint64, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		revision = numberFrom(tx.Bucket(metaBucket).Get(revisionName))
		at := now()
		var read seal
		err := tx.Bucket(dataBucket).ForEach(func(k, v []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !wellFormed(k, v) {
				return fmt.Errorf("%w: an entry that is none", ErrDamaged)
			}
			read.add(hashOf(string(dataBucket), k, v))
			size := 2 + int(uint16(k[0])<<8|uint16(k[1]))
			op, ok := stepOf(k[2:size], k[size], k[size+1:], v)
			if !ok || op.Kind == store.OpPut && op.Expires != 0 && op.Expires <= at.UnixMicro() {
				return nil
			}
			return do(op)
		})
		if err != nil {
			return err
		}
		return read.matches(tx)
	})
	return revision, err
}

// matches adds the bucket that a snapshot does not show, and compares.
func (s *seal) matches(tx *bolt.Tx) error {
	err := tx.Bucket(expiryBucket).ForEach(func(k, v []byte) error {
		s.add(hashOf(string(expiryBucket), k, v))
		return nil
	})
	kept, broken := sealOf(tx)
	if err == nil && broken == nil && (kept.sum != s.sum || kept.entries != s.entries) {
		broken = fmt.Errorf("%w: its %d entries are not the %d that were written", ErrDamaged, s.entries, kept.entries)
	}
	return errors.Join(err, broken)
}

// stepOf is what one entry of the data bucket says; nothing of the length of a log.
func stepOf(key []byte, kind byte, rest, value []byte) (store.Op, bool) {
	op := store.Op{Key: key}
	switch kind {
	case recordKind:
		r, ok := decodeRecord(value)
		op.Kind, op.Value, op.Expires = store.OpPut, r.value, int64(r.expires)
		return op, ok
	case counterKind:
		op.Kind, op.N = store.OpCount, int64(numberFrom(value))
	case indexKind:
		op.Kind, op.Value = store.OpIndex, rest
	case logKind:
		if len(rest) == 0 {
			return op, false
		}
		id := idFrom(rest)
		op.Kind, op.Value, op.Revision, op.Seq = store.OpAppend, value, id.Revision, id.Seq
	}
	return op, true
}

// Bounds of one transaction of a restore.
const (
	restoreOps   = 8192
	restoreBytes = 8 << 20
)

// Restore implements store.Snapshots.
func (s *Store) Restore(ctx context.Context, revision uint64, next func() (store.Op, error)) error {
	ops, more, err := gatherOps(next, 1)
	if err != nil {
		return err
	}
	err = s.submit(ctx, func(t *txn) error {
		if k, _ := t.data.Cursor().First(); k != nil {
			return store.ErrNotEmpty
		}
		t.revision = max(t.revision, revision)
		return t.makeAll(ops, revision)
	})
	for more && err == nil {
		if ops, more, err = gatherOps(next, restoreOps); err == nil {
			err = s.submit(ctx, func(t *txn) error { return t.makeAll(ops, revision) })
		}
	}
	return err
}

// gatherOps takes what one transaction makes, at most n; more is false at the end.
func gatherOps(next func() (store.Op, error), n int) (ops []store.Op, more bool, err error) {
	for size := 0; len(ops) < n && size < restoreBytes; {
		op, err := next()
		if errors.Is(err, io.EOF) {
			return ops, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		size += len(op.Value)
		ops = append(ops, op)
	}
	return ops, true, nil
}

func (t *txn) makeAll(ops []store.Op, revision uint64) error {
	for _, op := range ops {
		if err := t.make(op, revision); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) make(op store.Op, revision uint64) error {
	key := string(op.Key)
	switch op.Kind {
	case store.OpPut:
		t.setRecord(key, record{revision, uint64(op.Expires), op.Value})
	case store.OpDelete:
		t.deleteRecord(key)
	case store.OpIndex:
		t.put(path(key, indexKind, op.Value...), nil)
	case store.OpUnindex:
		t.delete(path(key, indexKind, op.Value...))
	case store.OpCount:
		t.add(key, op.N-t.counter(key))
	case store.OpAppend:
		t.makeEntry(key, op)
	case store.OpDrop:
		t.dropLog(key)
	default:
		return fmt.Errorf("%w: step %q", store.ErrInvalid, op.Kind)
	}
	return nil
}

// makeEntry makes an entry once: one that is there already was read after it
// had been noted, and while the log was read, entries went at its other end.
func (t *txn) makeEntry(key string, op store.Op) {
	keep := op.N
	if keep == 0 {
		keep = store.MaxCounter
	}
	if t.data.Get(path(key, logKind, idBytes(op.ID())...)) == nil {
		t.append(store.Effect{Key: key, Value: op.Value, Keep: keep}, op.ID())
		return
	}
	t.trim(key, numberFrom(t.data.Get(path(key, logKind))), keep)
}

// Empty implements store.Snapshots.
func (s *Store) Empty(context.Context) (empty bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(dataBucket).Cursor().First()
		empty = k == nil
		return nil
	})
	return empty, err
}

// Clear implements store.Snapshots. The file keeps its size and its identity.
func (s *Store) Clear(ctx context.Context) error {
	return s.submit(ctx, func(t *txn) error {
		for _, b := range []bucket{t.data, t.expiry} {
			cursor := b.Cursor()
			for k, _ := cursor.First(); k != nil; k, _ = cursor.First() {
				t.keep(b.Delete(bytes.Clone(k)))
				if t.err != nil {
					return nil // the whole batch is undone
				}
			}
		}
		return nil
	})
}
