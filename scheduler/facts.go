package scheduler

import (
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// facts is an answer of the store, by key.
type facts struct {
	store.Answer
	query store.Query
	at    map[string]int
	// damaged are the keys whose records count as something else, for they cannot be read.
	damaged []string
}

func newFacts(q store.Query, a store.Answer) *facts {
	f := &facts{Answer: a, query: q, at: make(map[string]int, len(q.Keys))}
	for i, key := range q.Keys {
		f.at[key] = i
	}
	return f
}

// record gives a record that the query asked for.
func (f *facts) record(key string) store.Record {
	i, ok := f.at[key]
	if !ok {
		panic("scheduler: decides on " + key + ", which it did not read")
	}
	return f.Records[i]
}

// load decodes a record into v, which stays as it is if the record is absent.
func (f *facts) load(key string, v any) (version uint64, err error) {
	r := f.record(key)
	return r.Version, decode(key, r.Value, v)
}

// orEmpty decodes a record of which a damaged one counts as empty: what an agent writes anew by
// itself, as its heartbeat, or joins again without; and what is only shown, or written over.
func orEmpty[T any](f *facts, key string) (v T, version uint64) {
	version, err := f.load(key, &v)
	if err != nil {
		f.damaged = append(f.damaged, key)
		v = *new(T) // of which half may have been read
	}
	return v, version
}

// drain decodes what is closed on a host: all of it, where that record is damaged.
func (f *facts) drain(host string) (d drainRecord, version uint64) {
	version, err := f.load(keyDrain(host), &d)
	if err != nil {
		f.damaged = append(f.damaged, keyDrain(host))
		d = drainRecord{By: damagedDrain}
	}
	return d, version
}

const damagedDrain = "what was closed here is damaged in the store: open the host again (mlq drain HOST --undo), then close what is to stay closed"

// job decodes a job's record. Errors: ErrNotFound, ErrDamaged.
func (f *facts) job(id JobID) (Job, error) {
	r := f.record(keyJob(id))
	if r.Version == 0 {
		return Job{}, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return decodeJob(id, r.Version, r.Value)
}

// members gives the members of an index that the query ranges over, of all its ranges.
func (f *facts) members(index string) [][]byte {
	var all [][]byte
	for i, r := range f.query.Ranges {
		if r.Index == index {
			all = append(all, f.Ranges[i]...)
		}
	}
	return all
}

// counter gives a counter that the query asked for.
func (f *facts) counter(key string) int64 {
	for i, k := range f.query.Counters {
		if k == key {
			return f.Counters[i]
		}
	}
	panic("scheduler: decides on " + key + ", which it did not read")
}

// epoch decodes the epoch record, and refuses where the store that was read is
// not the one that it names: nothing may be granted or queued before Adopt.
func (f *facts) epoch() (epochRecord, error) {
	var e epochRecord
	if _, err := f.load(keyEpoch, &e); err != nil {
		return e, err
	}
	if e.Identity != f.Identity {
		return e, fmt.Errorf("%w: the store is new and no server has adopted it yet", ErrHold)
	}
	return e, nil
}
