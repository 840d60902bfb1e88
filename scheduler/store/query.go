package store

import (
	"math"
	"time"
)

// Record is one record as read. An absent record has version 0 and no value.
type Record struct {
	Value   []byte
	Version uint64
}

// DamagedVersion is that of a record of which a store cannot read the version itself: its value is all
// that lies there, which no reader takes for its own. It can be guarded and written over like any other.
const DamagedVersion = math.MaxUint64

// Range asks for up to Limit members (none if Limit ≤ 0) of an index that are ≥ From and, where
// To is not nil, < To, in memcmp order (descending if Reverse: those < From
// when From is not nil, and ≥ To where To is not nil, from the highest).
type Range struct {
	Index   string
	From    []byte
	To      []byte
	Limit   int
	Reverse bool
}

// Count asks how many members of an index lie in [From, To); nil bounds are
// open. An answer above Cap is reported as Cap+1; Cap 0 means no cap.
type Count struct {
	Index    string
	From, To []byte
	Cap      int64
}

// EntryID names an entry of a log: the revision that appended it, and its place
// among that commit's appends, from 0. IDs of one log grow. The zero value is before all entries.
type EntryID struct {
	Revision uint64
	Seq      uint32
}

// Entry is one entry of a log.
type Entry struct {
	ID    EntryID
	Value []byte
}

// LogRange asks for up to Limit entries of a log after After (none if Limit ≤ 0).
type LogRange struct {
	Log   string
	After EntryID
	Limit int
}

// Query is a set of reads that travel in one round trip. It is not a snapshot
// across its parts; only what a commit guards is certain.
type Query struct {
	Keys     []string
	Ranges   []Range
	Counts   []Count
	Counters []string
	Logs     []LogRange
}

// Answer holds the results of a Query, each slice parallel to the query's.
type Answer struct {
	Records  []Record
	Ranges   [][][]byte
	Counts   []int64
	Counters []int64
	Logs     [][]Entry

	Now      time.Time // the store's clock, µs precision, UTC
	Identity string    // to be carried by commits based on this answer
	Revision uint64    // the namespace's revision when it was read
}
