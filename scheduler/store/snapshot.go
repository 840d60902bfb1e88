package store

import (
	"context"
	"errors"
)

// RedoKey and OwnRedoKey are where a store on Redis keeps, while a snapshot is
// being taken, what is committed meanwhile: the first for commits of servers,
// the second for those that an agent may make. What servers commit has tokens' hashes
// in it, so that agents must not read the first. No commit may name them.
const (
	RedoKey    = "auth:redo"
	OwnRedoKey = "live:redo"
)

var (
	// ErrNotEmpty: a store that is to be filled from a snapshot holds something.
	ErrNotEmpty = errors.New("the store is not empty")
	// ErrSnapshot: no snapshot could be taken of one moment, or one is being
	// taken just now. Nothing is lost, and trying again may help.
	ErrSnapshot = errors.New("no snapshot")
)

// OpKind says what a step of a snapshot does.
type OpKind string

// The steps of a snapshot. Each sets something to a value, whatever it was:
// steps that were made already do no harm when they are made again in order.
const (
	OpPut     OpKind = "put"     // record Key is Value, until Expires
	OpDelete  OpKind = "delete"  // there is no record Key
	OpIndex   OpKind = "index"   // index Key has the member Value
	OpUnindex OpKind = "unindex" // it has it not
	OpCount   OpKind = "count"   // counter Key is N
	OpAppend  OpKind = "append"  // log Key has Value as the entry ID; with N > 0 only the last N entries stay
	OpDrop    OpKind = "drop"    // there is no log Key
)

// Op is one step of a snapshot, in the words that both stores understand.
// Steps of one key must be made in their order.
type Op struct {
	Kind     OpKind `json:"op"`
	Key      []byte `json:"k,omitempty"`
	Value    []byte `json:"v,omitempty"`
	N        int64  `json:"n,omitempty"`
	Expires  int64  `json:"x,omitempty"` // µs since 1970; 0: never
	Revision uint64 `json:"r,omitempty"` // with Seq: the EntryID
	Seq      uint32 `json:"s,omitempty"`
}

// ID is the entry that an OpAppend makes.
func (o Op) ID() EntryID { return EntryID{Revision: o.Revision, Seq: o.Seq} }

// After reports whether an entry comes after another one of its log.
func (e EntryID) After(other EntryID) bool {
	return e.Revision > other.Revision || e.Revision == other.Revision && e.Seq > other.Seq
}

// Snapshots is a store that can be copied, as it was at one moment, while it
// is in use, and filled from such a copy of any other one.
type Snapshots interface {
	// Snapshot calls do with steps that make an empty store what this one was
	// at the revision that it returns. All commits that were acknowledged before
	// the call are in it; others go on beside it. do keeps nothing of an Op:
	// its bytes are good until it returns. Errors: ErrSnapshot, those of do.
	Snapshot(ctx context.Context, do func(Op) error) (revision uint64, err error)
	// Restore makes all steps that next gives until io.EOF, in a store that must be
	// empty (ErrNotEmpty). The first step is kept before the second is asked for, so
	// that it may be a mark. The store's next commit takes the revision after the one given,
	// which must be at least the snapshot's. What it has made when it fails
	// stays; Clear removes it.
	Restore(ctx context.Context, revision uint64, next func() (Op, error)) error
	// Empty reports whether the store holds nothing.
	Empty(ctx context.Context) (bool, error)
	// Clear makes the store empty, for good. Nobody else may use it meanwhile.
	Clear(ctx context.Context) error
}
