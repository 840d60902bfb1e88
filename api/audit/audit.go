// Package audit keeps what admins did: one entry for each of their orders, newest
// first, where only servers may write.
//
// Keys, in the group auth: that no agent's Redis user may touch:
//
//	auth:audits     record: the number of the last entry, 8 bytes
//	auth:audit      index of entries (member: number as 16 hexadecimal digits, then the entry as JSON)
//
// An entry is an index member because the newest are read first. The store keeps
// the last Keep; a server's log has each of them too, which whoever can write to the
// store cannot change.
package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Keep is how many entries a store keeps.
const Keep = 10_000

const (
	last  = "auth:audits"
	index = "auth:audit"

	digits = 16 // of an entry's number
)

// ErrEntry: an entry cannot be kept.
var ErrEntry = errors.New("damaged audit entry")

// Entry is one thing that somebody ordered, whether it was done or refused.
type Entry struct {
	Number  int64     `json:"number"` // from 1, growing
	At      time.Time `json:"at"`     // by the store's clock
	User    string    `json:"user"`
	Token   string    `json:"token,omitempty"` // its id
	Address string    `json:"address"`         // where the request came from
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Query   string    `json:"query,omitempty"`
	Body    string    `json:"body,omitempty"` // its start
	Status  int       `json:"status"`         // of HTTP
	Request string    `json:"request_id"`
}

// Log is the audit log of a store. Safe for concurrent use.
type Log struct{ store store.Store }

// New is the log in a store.
func New(st store.Store) *Log { return &Log{st} }

// Append adds an entry, whose number and time it sets. What does not fit is cut:
// first the body, then query and path.
func (l *Log) Append(ctx context.Context, e Entry) error {
	for {
		done, err := l.append(ctx, e)
		if err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
		if done {
			return nil
		}
	}
}

// append commits once; done is false where another entry came first.
func (l *Log) append(ctx context.Context, e Entry) (done bool, err error) {
	a, err := l.store.Read(ctx, store.Query{
		Keys: []string{last}, Ranges: []store.Range{{Index: index, Limit: 1}, {Index: index, Limit: 1, Reverse: true}},
	})
	if err != nil {
		return false, err
	}
	at := a.Records[0]
	e.Number, e.At = following(at, a.Ranges[1]), a.Now
	member, err := e.member()
	if err != nil {
		return false, err
	}
	effects := []store.Effect{
		store.Put(last, binary.BigEndian.AppendUint64(nil, uint64(e.Number))), //nolint:gosec // counts up from 1
		store.Index(index, member),
	}
	if oldest := a.Ranges[0]; len(oldest) == 1 && numbered(oldest[0]) <= number(e.Number-Keep) {
		effects = append(effects, store.Unindex(index, oldest[0]))
	}
	result, err := l.store.Commit(ctx, store.Commit{
		Identity: a.Identity, Guards: []store.Guard{store.At(last, at.Version)}, Effects: effects,
	})
	if err != nil {
		return false, err
	}
	return result.OK(), nil
}

// readAtOnce is how many members are read at once, so that no number of members that are
// no entries takes as many reads.
const readAtOnce = 500

// Read returns up to limit entries with numbers below before (0: all), newest first, and
// how many members among them are none: somebody else wrote them.
func (l *Log) Read(ctx context.Context, before int64, limit int) (entries []Entry, leftOut int, err error) {
	r := store.Range{Index: index, Limit: readAtOnce, Reverse: true}
	if before > 0 {
		r.From = []byte(number(before))
	}
	entries = []Entry{}
	for {
		a, err := l.store.Read(ctx, store.Query{Ranges: []store.Range{r}})
		if err != nil {
			return nil, 0, fmt.Errorf("read the audit log: %w", err)
		}
		members := a.Ranges[0]
		for _, m := range members {
			e, ok := entry(m)
			switch {
			case len(entries) == limit:
				return entries, leftOut, nil
			case ok:
				entries = append(entries, e)
			default:
				leftOut++
			}
		}
		if len(members) < readAtOnce {
			return entries, leftOut, nil
		}
		r.From = members[len(members)-1]
	}
}

// entry reads a member; ok is false where it is none, or not where its number belongs: the
// next page begins there.
func entry(member []byte) (e Entry, ok bool) {
	at := numbered(member)
	err := json.Unmarshal(member[len(at):], &e)
	return e, err == nil && at == number(e.Number)
}

// following is the number after the one on record and that of the newest member, of which one may be
// damaged.
func following(r store.Record, newest [][]byte) (n int64) {
	if len(r.Value) == 8 {
		n = int64(binary.BigEndian.Uint64(r.Value)) //nolint:gosec // written by append
	}
	for _, m := range newest {
		if e, ok := entry(m); ok {
			n = max(n, e.Number)
		}
	}
	return max(n, 0) + 1
}

// numbered is the number that a member begins with, or what else somebody wrote there.
func numbered(member []byte) string { return string(member[:min(digits, len(member))]) }

func number(n int64) string { return fmt.Sprintf("%016x", max(n, 0)) }

// member is the entry as the index has it, cut to what a member may have.
func (e *Entry) member() ([]byte, error) {
	for {
		text, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		if digits+len(text) <= store.MaxKeyBytes {
			return append([]byte(number(e.Number)), text...), nil
		}
		if !e.shorten() {
			return nil, fmt.Errorf("%w: %s bytes", ErrEntry, strconv.Itoa(len(text)))
		}
	}
}
