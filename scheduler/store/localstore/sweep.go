package localstore

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// sweepStep bounds what one transaction pays for forgetting.
const sweepStep = 64

// sweep forgets up to sweepStep records that have expired.
func (t *txn) sweep() {
	for range sweepStep {
		k, _ := t.expiry.Cursor().First()
		if k == nil || numberFrom(k) > uint64(t.now.UnixMicro()) {
			return
		}
		t.deleteRecord(string(k[8:]))
	}
}

// overdue reports whether a sweep would find something.
func (s *Store) overdue() (found bool) {
	s.db.View(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(expiryBucket).Cursor().First()
		found = k != nil && numberFrom(k) <= uint64(now().UnixMicro())
		return nil
	})
	return found
}

func expiryPath(expires uint64, key string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, expires), key...)
}
