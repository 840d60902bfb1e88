package localstore

import (
	"encoding/binary"
	"time"

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

// tidy sweeps one step, and says when to look again.
func (s *Store) tidy() time.Duration {
	if !s.overdue() {
		return sweepEvery
	}
	if _, err := s.apply(nil); err != nil {
		return sweepEvery // a full disk, or a broken file: the next commit tells
	}
	return sweepAgain
}

// overdue reports whether a sweep would find something. A file that cannot be
// read has its say at the next commit.
func (s *Store) overdue() (found bool) {
	_ = s.view(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(expiryBucket).Cursor().First()
		found = k != nil && numberFrom(k) <= uint64(now().UnixMicro())
		return nil
	})
	return found
}

func expiryPath(expires uint64, key string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, expires), key...)
}
