// Package data keeps what the jobs of a user leave for each other: bytes under a
// key, for a time or for ever. The bytes are blobs; the store knows their names.
//
// Records, all in the group spec: that only servers write:
//
//	spec:datum:<user> NUL <key>  an item: its blob, its size, when it was kept and until when
//	spec:data                    index of items (member: user, NUL, key)
//	spec:dataexpiry              index of items that end (member: time, then as above)
//
// An item whose time has passed is not there, by the store's clock, whether its
// records are removed yet or not: Expire does that now and then.
package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Limits of what is kept.
const (
	MaxKey   = 255                       // bytes of a key
	MaxItems = 10_000                    // of one user
	MaxTime  = 10 * 365 * 24 * time.Hour // until an item ends
)

// Sentinels of this package.
var (
	// ErrNotFound: the user has nothing under that key, or not any more.
	ErrNotFound = errors.New("nothing is kept under that key")
	// ErrInvalid: a key or a time that cannot be.
	ErrInvalid = errors.New("invalid data")
	// ErrTooMany: the user keeps MaxItems already.
	ErrTooMany = errors.New("too much is kept")
	// ErrDamaged: the record of what is kept cannot be read. Whoever keeps or deletes it mends it.
	ErrDamaged = errors.New("what is kept under that key is damaged in the store: keep it again, or delete it")
)

// Item is what is told of something that is kept.
type Item struct {
	Key     string    `json:"key"`
	SHA256  string    `json:"sha256"` // of the bytes, a blob
	Size    int64     `json:"size"`   // bytes
	Kept    time.Time `json:"kept"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	// Damaged: its record cannot be read (ErrDamaged). The key is all there is.
	Damaged bool `json:"damaged,omitempty"`

	record string // of a damaged one
}

// over reports whether the item has ended.
func (i *Item) over(now time.Time) bool { return !i.Expires.IsZero() && !i.Expires.After(now) }

// CheckKey refuses a key that no item can have.
func CheckKey(key string) error {
	switch {
	case key == "" || len(key) > MaxKey:
		return fmt.Errorf("%w: want a key of 1 to %d bytes", ErrInvalid, MaxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: want a key of printable characters, without control characters or line breaks", ErrInvalid)
	}
	return nil
}

const (
	index  = "spec:data"
	expiry = "spec:dataexpiry"
)

// member names an item: a user's name has no NUL, so that it is unambiguous.
func member(user, key string) string { return user + "\x00" + key }

func record(member string) string { return "spec:datum:" + member }

// ends is the item's member of the index of those that end.
func ends(at time.Time, member string) []byte {
	return fmt.Appendf(nil, "%016x%s", at.UnixMicro(), member)
}

// endsLength is how much of such a member is the time.
const endsLength = 16

func decode(r store.Record) (item Item, err error) {
	if r.Version == 0 {
		return item, ErrNotFound
	}
	if err := json.Unmarshal(r.Value, &item); err != nil {
		return Item{Damaged: true, record: string(r.Value)}, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return item, nil
}

// Blobs are the names of the item's blob: all that could be it, where the item is damaged, as it may be
// brought back.
func (i *Item) Blobs() []string {
	if !i.Damaged {
		return []string{i.SHA256}
	}
	return blob.NamesIn([]byte(i.record))
}
