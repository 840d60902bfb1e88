package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	bolt "go.etcd.io/bbolt"
)

// ErrDamaged: the file holds other bytes than were written. Starting again does not help.
var ErrDamaged = errors.New("the store's file is damaged")

// seal is a sum over all entries of data and expiry, kept in meta: who opens the file
// makes the sum anew and compares. It is a sum of the entries' hashes, so that a commit changes
// it by what it changes. With it stands the transaction that wrote it: where the file's
// is a later one, a build that knows no seals has written since, and the seal is made anew.
type seal struct {
	txid, entries, sum uint64
}

var sealName = []byte("seal")

const sealSize = 3*8 + 4

// castagnoli has an instruction of its own in common processors.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hashOf is an entry's part of the sum; the lengths keep neighbours apart.
func hashOf(bucket string, key, value []byte) uint64 {
	var head [9]byte
	head[0] = bucket[0]
	binary.BigEndian.PutUint32(head[1:], uint32(len(key)))
	binary.BigEndian.PutUint32(head[5:], uint32(len(value)))
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(head[:]) // never fail
	_, _ = d.Write(key)
	_, _ = d.Write(value)
	return d.Sum64()
}

func (s *seal) add(hash uint64)    { s.entries, s.sum = s.entries+1, s.sum+hash }
func (s *seal) remove(hash uint64) { s.entries, s.sum = s.entries-1, s.sum-hash }

// encode writes the seal with a sum of itself and of the other entries of meta.
func (s seal) encode(rest [][]byte) []byte {
	out := make([]byte, 0, sealSize)
	for _, n := range []uint64{s.txid, s.entries, s.sum} {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	sum := crc32.Checksum(out, castagnoli)
	for _, b := range rest {
		sum = crc32.Update(sum, castagnoli, b)
	}
	return binary.BigEndian.AppendUint32(out, sum)
}

// decodeSeal reads what encode wrote; ok is false where a byte is another.
func decodeSeal(b []byte, rest [][]byte) (s seal, ok bool) {
	if len(b) != sealSize {
		return s, false
	}
	s = seal{numberFrom(b), numberFrom(b[8:]), numberFrom(b[16:])}
	return s, bytes.Equal(b, s.encode(rest))
}

// bucket is a bucket whose entries are sealed.
type bucket struct {
	*bolt.Bucket
	name string
	seal *seal
}

// Put sets an entry; what had the key before leaves the sum.
func (b bucket) Put(key, value []byte) error {
	b.forget(key)
	b.seal.add(hashOf(b.name, key, value))
	return b.Bucket.Put(key, value)
}

// Delete removes an entry, if it is there.
func (b bucket) Delete(key []byte) error {
	b.forget(key)
	return b.Bucket.Delete(key)
}

// forget looks with a cursor: within its transaction bbolt gives an empty value as none.
func (b bucket) forget(key []byte) {
	if k, v := b.Cursor().Seek(key); bytes.Equal(k, key) && k != nil {
		b.seal.remove(hashOf(b.name, key, v))
	}
}

// write writes the seal of a transaction, as the last thing in it.
func (s seal) write(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	s.txid = uint64(tx.ID())
	return meta.Put(sealName, s.encode(others(meta.Get)))
}

// others are the entries of meta but for the seal.
func others(get func(key []byte) []byte) [][]byte {
	return [][]byte{get(formatName), get(identityName), get(revisionName)}
}

func sealOf(tx *bolt.Tx) (seal, error) {
	meta := tx.Bucket(metaBucket)
	s, ok := decodeSeal(meta.Get(sealName), others(meta.Get))
	if !ok {
		return s, fmt.Errorf("%w: its seal is broken", ErrDamaged)
	}
	return s, nil
}
