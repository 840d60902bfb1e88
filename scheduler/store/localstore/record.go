package localstore

import (
	"encoding/binary"
	"time"
)

// record is a record as the file has it.
type record struct {
	version uint64
	expires uint64 // µs since 1970; 0: never
	value   []byte // bbolt's own bytes, until the transaction ends
}

func (r record) encode() []byte {
	out := make([]byte, 0, 16+len(r.value))
	out = binary.BigEndian.AppendUint64(out, r.version)
	out = binary.BigEndian.AppendUint64(out, r.expires)
	return append(out, r.value...)
}

func decodeRecord(b []byte) (record, bool) {
	if b == nil {
		return record{}, false
	}
	return record{numberFrom(b), numberFrom(b[8:]), b[16:]}, true
}

func (r record) expired(now time.Time) bool {
	return r.expires != 0 && r.expires <= uint64(now.UnixMicro())
}
