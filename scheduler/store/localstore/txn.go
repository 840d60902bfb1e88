package localstore

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// txn is one write transaction, shared by the commits of a batch. Its first
// error of bbolt sticks, and undoes the whole batch.
type txn struct {
	view
	data     bucket // the same as view's, to be written
	expiry   bucket
	seal     *seal // with what this transaction changes
	identity string
	revision uint64
	space    uint64 // left on the disk
	reserve  uint64
	notices  []store.Notice
	err      error
}

func (s *Store) begin(tx *bolt.Tx) (*txn, error) {
	sum, err := sealOf(tx)
	if err != nil {
		return nil, err
	}
	return &txn{
		view:     view{tx.Bucket(dataBucket), now()},
		data:     bucket{tx.Bucket(dataBucket), string(dataBucket), &sum},
		expiry:   bucket{tx.Bucket(expiryBucket), string(expiryBucket), &sum},
		seal:     &sum,
		identity: s.identity,
		revision: numberFrom(tx.Bucket(metaBucket).Get(revisionName)),
		space:    s.space(),
		reserve:  s.reserve,
	}, nil
}

// end writes what the transaction itself has to keep.
func (t *txn) end(tx *bolt.Tx) error {
	t.keep(tx.Bucket(metaBucket).Put(revisionName, numberBytes(t.revision)))
	t.keep(t.seal.write(tx))
	return t.err
}

// commit decides one commit and applies it. An error means that this commit is
// refused and has changed nothing.
func (t *txn) commit(c store.Commit) (store.Result, error) {
	r := store.Result{Conflict: store.NoConflict, Now: t.now, Identity: t.identity}
	if c.Identity != t.identity {
		r.Conflict = store.ConflictIdentity
		return r, nil
	}
	for i, g := range c.Guards {
		switch ok, err := t.holds(g); {
		case err != nil:
			return r, err
		case !ok:
			r.Conflict = i
			return r, nil
		}
	}
	if err := t.accepts(c.Effects); err != nil {
		return r, err
	}
	t.apply(c.Effects)
	r.Revision = t.revision
	return r, nil
}

func (t *txn) holds(g store.Guard) (bool, error) {
	switch g.Kind {
	case store.GuardVersion:
		return t.record(g.Key).Version == g.Version, t.names(g.Key, recordKind)
	case store.GuardAtMost:
		return t.counter(g.Key)+g.N <= g.Limit, t.names(g.Key, counterKind)
	default: // GuardEmpty; Check has refused all others
		one := store.Count{Index: g.Key, Cap: 1}
		return t.count(one) == 0, t.names(g.Key, indexKind)
	}
}

// allocate takes a block of numbers.
func (t *txn) allocate(counter string, n int64) (first int64, err error) {
	if err := t.accepts([]store.Effect{store.Add(counter, n)}); err != nil {
		return 0, err
	}
	first = t.counter(counter) + 1
	t.add(counter, n)
	return first, nil
}

// accepts refuses effects that would use a key as another kind than it is, or
// take a counter over the limit.
func (t *txn) accepts(effects []store.Effect) error {
	sums := map[string]int64{}
	for _, e := range effects {
		if err := t.names(e.Key, kindOf(e.Kind)); err != nil {
			return err
		}
		if e.Kind != store.EffectAdd {
			continue
		}
		sums[e.Key] += e.N
		if n := t.counter(e.Key) + sums[e.Key]; n > store.MaxCounter || n < -store.MaxCounter {
			return fmt.Errorf("%w: counter %s at %d", store.ErrTooLarge, e.Key, n)
		}
	}
	return nil
}

// kindOf is the kind of key that an effect writes; 0 for a topic.
func kindOf(e store.EffectKind) byte {
	switch e {
	case store.EffectPut, store.EffectDelete:
		return recordKind
	case store.EffectIndex, store.EffectUnindex:
		return indexKind
	case store.EffectAdd:
		return counterKind
	case store.EffectAppend, store.EffectDropLog:
		return logKind
	}
	return 0
}
