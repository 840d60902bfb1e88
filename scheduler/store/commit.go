package store

import (
	"time"
)

// GuardKind says what a Guard compares.
type GuardKind uint8

// The guards of a commit.
const (
	// GuardVersion: the record Key has exactly Version (0: it is absent).
	GuardVersion GuardKind = iota + 1
	// GuardAtMost: counter Key plus N is ≤ Limit.
	GuardAtMost
	// GuardEmpty: index Key has no members.
	GuardEmpty
)

// Guard is one condition of a commit. All guards are checked before the first
// effect is applied.
type Guard struct {
	Kind    GuardKind
	Key     string
	Version uint64
	N       int64
	Limit   int64
}

// EffectKind says what an Effect does.
type EffectKind uint8

// The effects of a commit.
const (
	// EffectPut writes the record Key. With TTL > 0 the store may forget it
	// that long after; a reader that cares checks the time in the value.
	EffectPut EffectKind = iota + 1
	// EffectDelete deletes the record Key; absent is fine.
	EffectDelete
	// EffectIndex adds Value as member to the index Key; present is fine.
	EffectIndex
	// EffectUnindex removes the member Value from the index Key; absent is fine.
	EffectUnindex
	// EffectAdd adds N to the counter Key. A counter that reaches 0 takes no
	// space; an absent one reads 0.
	EffectAdd
	// EffectAppend appends Value to the log Key and keeps the last Keep entries
	// (Keep must be > 0).
	EffectAppend
	// EffectDropLog deletes the log Key.
	EffectDropLog
	// EffectNotify sends Value to the watchers of the topic Key, as a hint.
	EffectNotify
)

// Effect is one change of a commit; effects are applied in order.
type Effect struct {
	Kind  EffectKind
	Key   string
	Value []byte
	N     int64
	Keep  int64
	TTL   time.Duration
}

// Commit is applied as a whole or not at all: if the store has the identity
// and all guards hold, then all effects. Nobody changes its slices once it was
// handed in: a call that ended early may still be on its way.
type Commit struct {
	Identity string
	Guards   []Guard
	Effects  []Effect

	// Freeing says that this commit ends or frees something (finish, release,
	// reap, cancel, purge), or that without it nobody could (what a server with a
	// new key signs as it starts), so that a store that is full applies it as long
	// as it can: Redis beyond its memory limit, the embedded one out of a reserve
	// of disk. Without it a full store answers ErrFull.
	Freeing bool
}

// Conflict values of a Result.
const (
	// NoConflict: the commit was applied.
	NoConflict = -1
	// ConflictIdentity: the store is not the one that was read.
	ConflictIdentity = -2
)

// Result answers a Commit.
type Result struct {
	// Conflict is NoConflict, ConflictIdentity, or the index of the first
	// guard that did not hold.
	Conflict int
	// Revision is the commit's own revision when it was applied: the version
	// that every record it wrote has now.
	Revision uint64
	Now      time.Time // the store's clock at the commit
	Identity string    // the store's identity now
}

// OK reports whether the commit was applied.
func (r Result) OK() bool { return r.Conflict == NoConflict }
