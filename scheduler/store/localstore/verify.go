package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mlq-dev/mlq/scheduler/store/localstore/boltfile"
)

// verified is what a whole look at a file found.
type verified struct {
	seal    seal // of what is there
	oneMeta bool // a meta page is damaged: the last transaction may be missing
	fresh   bool // it has 0 bytes
}

// verify reads all of a file, which its owner has locked, and holds it to its seal.
// A file of 0 bytes is a new one.
func verify(f *os.File) (v verified, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return verified{fresh: err == nil}, err
	}
	return inspect(f, info.Size())
}

func inspect(r io.ReaderAt, size int64) (v verified, err error) {
	meta := map[string][]byte{}
	shown, err := boltfile.Walk(r, size, func(bucket string, key, value []byte) error {
		return v.entry(bucket, key, value, meta)
	})
	if err == nil {
		err = v.compare(meta, shown.Txid)
		v.oneMeta = shown.OneMeta
	}
	if errors.Is(err, boltfile.ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return v, err
}

func (v *verified) entry(bucket string, key, value []byte, meta map[string][]byte) error {
	switch bucket {
	case string(metaBucket):
		meta[string(key)] = bytes.Clone(value)
		return nil
	case string(dataBucket):
		if !wellFormed(key, value) {
			return fmt.Errorf("%w: an entry that is none", ErrDamaged)
		}
	case string(expiryBucket):
		if len(key) <= 8 || len(value) > 0 {
			return fmt.Errorf("%w: an expiry that is none", ErrDamaged)
		}
	default:
		return fmt.Errorf("%w: a bucket %q", ErrDamaged, bucket)
	}
	v.seal.add(hashOf(bucket, key, value))
	return nil
}

// compare holds what was found to the seal. A file without one, or whose last writer
// knew none, is taken as it is; another format has its refusal in identify.
func (v *verified) compare(meta map[string][]byte, txid uint64) error {
	if !bytes.Equal(meta[string(formatName)], []byte(format)) && meta[string(identityName)] != nil {
		return nil
	}
	if name, ok := stranger(meta); ok {
		return fmt.Errorf("%w: %q in its meta bucket", ErrDamaged, name)
	}
	b, there := meta[string(sealName)]
	if !there {
		return nil
	}
	kept, ok := decodeSeal(b, others(func(key []byte) []byte { return meta[string(key)] }))
	switch {
	case !ok || kept.txid > txid:
		return fmt.Errorf("%w: its seal is broken", ErrDamaged)
	case kept.txid == txid && (kept.sum != v.seal.sum || kept.entries != v.seal.entries):
		return fmt.Errorf("%w: its %d entries are not the %d that were written", ErrDamaged, v.seal.entries, kept.entries)
	}
	return nil
}

// wellFormed reports whether an entry of data has the lengths that layout.go gives.
func wellFormed(key, value []byte) bool {
	if len(key) < 2 {
		return false
	}
	n := 2 + int(key[0])<<8 + int(key[1])
	if len(key) <= n {
		return false
	}
	switch rest := len(key) - n - 1; key[n] {
	case recordKind:
		return rest == 0 && len(value) >= 16
	case counterKind:
		return rest == 0 && len(value) == 8
	case logKind:
		return rest == 0 && len(value) == 8 || rest == 12
	case indexKind:
		return len(value) == 0
	}
	return false
}

// stranger finds a name that is none of meta's: a damaged one.
func stranger(meta map[string][]byte) (string, bool) {
	for name := range meta {
		switch name {
		case string(formatName), string(identityName), string(revisionName), string(sealName):
		default:
			return name, true
		}
	}
	return "", false
}
