package localstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// The file has three buckets. All that a store.Key names lies together in data,
// under len(key) · key · kind · rest, so that one seek tells what a key names:
//
//	record   r            version, expiry in µs or 0, value
//	counter  c            int64
//	index    i · member   nothing
//	log      l            number of entries
//	         l · id       one entry's value
//
// expiry holds expiry in µs · key, for the sweep. meta holds format, identity, the last revision
// and the seal over all the rest (seal.go). All numbers are big-endian, so that memcmp
// orders them.
var (
	dataBucket   = []byte("data")
	expiryBucket = []byte("expiry")
	metaBucket   = []byte("meta")

	formatName   = []byte("format")
	identityName = []byte("identity")
	revisionName = []byte("revision")
)

const format = "mlq store 1"

const (
	recordKind  = 'r'
	counterKind = 'c'
	indexKind   = 'i'
	logKind     = 'l'
)

// name is the prefix of all that key names.
func name(key string) []byte {
	out := make([]byte, 0, 2+len(key)+1+16)
	out = binary.BigEndian.AppendUint16(out, uint16(len(key)))
	return append(out, key...)
}

// path is where one thing of key lies; with no rest it is also the prefix of
// all members of an index or entries of a log.
func path(key string, kind byte, rest ...byte) []byte {
	return append(append(name(key), kind), rest...)
}

// after is the first path behind all those of a kind.
func after(key string, kind byte) []byte { return path(key, kind+1) }

func idBytes(id store.EntryID) []byte {
	out := binary.BigEndian.AppendUint64(nil, id.Revision)
	return binary.BigEndian.AppendUint32(out, id.Seq)
}

func idFrom(b []byte) store.EntryID {
	return store.EntryID{Revision: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint32(b[8:])}
}

func numberBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// numberFrom reads a number; an absent one is 0.
func numberFrom(b []byte) uint64 {
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// prepare makes the buckets of a new file, gives the file's identity, and seals it as it
// was found. A file that may lack its last transaction is another store from now on.
func prepare(db *bolt.DB, v verified) (identity string, err error) {
	err = db.Update(func(tx *bolt.Tx) error {
		for _, bucket := range [][]byte{dataBucket, expiryBucket, metaBucket} {
			if _, err := tx.CreateBucketIfNotExists(bucket); err != nil {
				return err
			}
		}
		if identity, err = identify(tx.Bucket(metaBucket), v.oneMeta); err != nil {
			return err
		}
		return v.seal.write(tx)
	})
	if err != nil {
		return "", fmt.Errorf("preparing the store's file: %w", err)
	}
	return identity, nil
}

func identify(meta *bolt.Bucket, renew bool) (string, error) {
	if identity := meta.Get(identityName); identity != nil {
		if f := meta.Get(formatName); !bytes.Equal(f, []byte(format)) {
			return "", fmt.Errorf("written in format %q, this program reads %q", f, format)
		}
		if !renew {
			return string(identity), nil
		}
	}
	random := make([]byte, 20)
	rand.Read(random) // never fails
	identity := hex.EncodeToString(random)
	if err := meta.Put(formatName, []byte(format)); err != nil {
		return "", err
	}
	return identity, meta.Put(identityName, []byte(identity))
}
