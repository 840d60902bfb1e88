// Package store is the storage contract of MLQ: a small etcd that knows
// nothing of jobs.
//
// It holds records (opaque bytes with a version), ordered indexes (sets of
// byte strings in memcmp order), counters (int64) and logs (append-only lists
// with a length limit), and it commits a set of effects if all guards still
// hold. Two implementations, redisstore and localstore, pass one contract
// suite (storetest) and a differential run.
//
// A key names one thing for ever: a record, an index, a counter or a log. A
// commit that uses it as another is refused (ErrInvalid), and a read of it as
// another finds nothing. Keys and members may hold any bytes.
//
// # Versions
//
// The namespace has one revision counter. Every commit that is applied takes
// the next revision, and a record's version is the revision of the commit
// that last wrote it. A version is never used twice, also not after a delete
// and a re-create; an absent record has version 0.
//
// # Identity
//
// A store has an identity: the run id of the Redis server, or the id written
// into the embedded file when it was made. A commit carries the identity that
// its caller read under. Where the store's identity is another (a restart, a
// failover that may have lost writes), the commit writes nothing and answers
// ConflictIdentity; what was read or allocated before is to be thrown away.
//
// # Repeats
//
// An answer can be lost after its commit was applied, and the caller (or a
// client library) then repeats it. A commit that adds to a counter, appends
// to a log or notifies must therefore hold a guard that its own effects
// falsify: a guarded record that it also puts or deletes. The store refuses
// one that does not (ErrUnsafeRepeat), so a repeat can only answer conflict.
// Puts, deletes, index, unindex and dropping a log are idempotent alone and need
// no guard.
//
// A guard of a version is falsified for ever. One of absence is so only while the
// record that the commit made is there: a repeat that comes after its deletion is
// applied. Whoever guards by absence therefore keeps that record for longer than
// any repeat may take, and the store refuses one that it may forget (a TTL) as
// the only guard.
//
// # Time
//
// The store's clock decides. Read, and every answer of Commit, tell it.
// No correctness depends on a record's TTL, on a notice, or on a caller's
// clock.
package store

import (
	"context"
	"errors"
	"time"
)

// Limits that every implementation enforces with ErrTooLarge, so that a caller that
// works on one store works on the other.
const (
	MaxKeyBytes    = 1024      // of a key, an index member, a topic
	MaxValueBytes  = 64 << 20  // of one record, log entry or notice
	MaxCommitBytes = 128 << 20 // of one commit's keys and values together
	MaxCommitItems = 20_000    // guards and effects of one commit
	MaxCounter     = 1 << 52   // of a counter's magnitude: Lua's numbers are doubles
)

// RevisionKey is where a store on Redis keeps the namespace's revision. No
// commit may name it.
const RevisionKey = "live:rev"

// Sentinels of the stores. Anything else that a store returns is wrapped in
// ErrUnavailable when the outcome is unknown or the store cannot be reached.
var (
	// ErrUnavailable: the store could not be reached or did not answer; the
	// outcome of a commit is unknown, and repeating the same commit is safe.
	ErrUnavailable = errors.New("store unavailable")
	// ErrFull: the store refused to write because its memory or disk is full.
	ErrFull = errors.New("store full")
	// ErrUnsafeRepeat: the commit adds, appends or notifies without a guard
	// that its own effects falsify. A programming error.
	ErrUnsafeRepeat = errors.New("commit is not safe to repeat")
	// ErrTooLarge: a key, value, counter or commit is above the limits.
	ErrTooLarge = errors.New("commit above the store's limits")
	// ErrInvalid: the commit makes no sense: an unknown kind, an empty key, a
	// log without Keep, a key used as two kinds. A programming error.
	ErrInvalid = errors.New("malformed commit")
	// ErrClosed: the store was closed by this process.
	ErrClosed = errors.New("store closed")
)

// Notice is a hint that something happened. Lost says that notices may have
// been missed (a broken connection, a slow reader): the watcher reads again
// whatever it watches; Topic is then empty.
type Notice struct {
	Topic string
	Value []byte
	Lost  bool
}

// FailsOver is a store that a copy of it may replace.
type FailsOver interface {
	// Lag is for how long a server that was cut off may go on acknowledging
	// beside its successor: agents may have renewed with it until then, so the
	// hold-off is that much longer. 0: there is no successor.
	Lag(ctx context.Context) (time.Duration, error)
}

// Watched is a store that several processes may have at once, and that can tell who listens.
type Watched interface {
	// Watchers counts the processes that watch a topic now. It sends them a notice
	// whose value says nothing.
	Watchers(ctx context.Context, topic string) (int64, error)
}

// Sized is a store that knows how much room it takes.
type Sized interface {
	// Size is in bytes: of the file, or of the server's memory with all that is in
	// it. limit is how large it may become, 0: as large as there is room.
	Size(ctx context.Context) (used, limit int64, err error)
}

// Inspected is a store that may stop taking writes while it is open: its disk fails, or others reconfigure its server.
type Inspected interface {
	// Inspect says, a line each, why the store takes no writes now, and what of its
	// settings breaks or weakens the promises, or keeps less than Describe first told.
	Inspect(ctx context.Context) (problems, warnings []string, err error)
}

// Store is what the scheduler needs of a store. All methods are safe for
// concurrent use and return promptly when ctx ends.
type Store interface {
	// Read answers all parts of the query in one round trip.
	Read(ctx context.Context, q Query) (Answer, error)
	// Commit applies c if its guards hold. A Go error means that the outcome
	// is unknown (ErrUnavailable) or that nothing was written (all others).
	Commit(ctx context.Context, c Commit) (Result, error)
	// Allocate adds n > 0 to a counter and returns the first number of the block
	// [first, first+n) and the store's identity; the counter is then the block's
	// last number, so an absent one gives 1. A block whose answer is lost stays
	// unused: numbers may have gaps and are never given twice.
	Allocate(ctx context.Context, counter string, n int64) (first int64, identity string, err error)
	// Watch subscribes to topics and returns once the subscription holds: every
	// notice sent after that is delivered, or a notice with Lost. The channel is closed when ctx
	// ends or the store is closed. A slow reader loses notices and gets Lost.
	Watch(ctx context.Context, topics ...string) (<-chan Notice, error)
	// Describe says in one line what an acknowledgement is worth on this store
	// (start-up prints it), after refusing a configuration that breaks the promises.
	Describe(ctx context.Context) (string, error)
	// Close ends the watches and frees the resources.
	Close() error
}
