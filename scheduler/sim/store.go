package sim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Store is a store in memory whose clock and identity the simulation sets.
type Store struct {
	mu       sync.Mutex
	clock    func() time.Time
	identity string
	revision uint64

	records  map[string]record
	indexes  map[string][]string // sorted; never modified in place, so that clones may share them
	counters map[string]int64
	logs     map[string][]store.Entry
	hub      watchers
	closed   bool

	sum    digest // of all that it holds but the logs
	shared bool   // a clone has the same maps: copied before the first write

	// PerRecord is a fault: versions count the writes of one record, and start
	// over when it is made again.
	PerRecord bool
	// AnyIdentity is a fault: commits are taken whatever store their caller read.
	AnyIdentity bool
}

type record struct {
	value   []byte
	version uint64
	expires time.Time // zero: never
}

// NewStore gives an empty store that lives by the given clock.
func NewStore(identity string, clock func() time.Time) *Store {
	return &Store{
		clock: clock, identity: identity,
		records: map[string]record{}, indexes: map[string][]string{},
		counters: map[string]int64{}, logs: map[string][]store.Entry{},
	}
}

// Clone gives a store with the same content, on another clock, that goes its own way.
func (s *Store) Clone(clock func() time.Time) *Store {
	s.shared = true
	return &Store{
		clock: clock, identity: s.identity, revision: s.revision, PerRecord: s.PerRecord, AnyIdentity: s.AnyIdentity,
		records: s.records, indexes: s.indexes, counters: s.counters, logs: s.logs,
		sum: s.sum, shared: true,
	}
}

// own makes the maps this store's own.
func (s *Store) own() {
	if s.shared {
		s.records, s.indexes = maps.Clone(s.records), maps.Clone(s.indexes)
		s.counters, s.logs = maps.Clone(s.counters), maps.Clone(s.logs)
		s.shared = false
	}
}

// Reborn gives a clone under a new identity: what a restart or a failover leaves.
func (s *Store) Reborn(identity string, clock func() time.Time) *Store {
	c := s.Clone(clock)
	c.identity = identity
	return c
}

// Read implements store.Store.
func (s *Store) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Answer{}, err
	}
	a := store.Answer{Now: s.now(), Identity: s.identity, Revision: s.revision}
	for _, key := range q.Keys {
		a.Records = append(a.Records, s.get(key))
	}
	for _, r := range q.Ranges {
		a.Ranges = append(a.Ranges, s.members(r))
	}
	for _, c := range q.Counts {
		a.Counts = append(a.Counts, s.count(c))
	}
	for _, key := range q.Counters {
		a.Counters = append(a.Counters, s.counters[key])
	}
	for _, r := range q.Logs {
		a.Logs = append(a.Logs, s.entries(r))
	}
	return a, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if err := c.Check(); err != nil {
		return store.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Result{}, err
	}
	r := store.Result{Conflict: store.NoConflict, Now: s.now(), Identity: s.identity}
	if c.Identity != s.identity && !s.AnyIdentity {
		r.Conflict = store.ConflictIdentity
		return r, nil
	}
	for i, g := range c.Guards {
		if err := s.kind(g.Key, guardKinds[g.Kind]); err != nil {
			return store.Result{}, err
		}
		if !s.holds(g) {
			r.Conflict = i
			return r, nil
		}
	}
	if err := s.kinds(c.Effects); err != nil {
		return store.Result{}, err
	}
	if err := s.sums(c); err != nil {
		return store.Result{}, err
	}
	s.revision++
	r.Revision = s.revision
	s.own()
	s.apply(c.Effects)
	return r, nil
}

// Allocate implements store.Store.
func (s *Store) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	if err := store.CheckAllocate(counter, n); err != nil {
		return 0, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, "", err
	}
	if err := s.kind(counter, "counter"); err != nil {
		return 0, "", err
	}
	if s.counters[counter] > store.MaxCounter-n {
		return 0, "", fmt.Errorf("%w: counter %s", store.ErrTooLarge, counter)
	}
	first := s.counters[counter] + 1
	s.own()
	s.add(counter, n)
	return first, s.identity, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, topics ...string) (<-chan store.Notice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.hub.add(ctx, topics), nil
}

// Describe implements store.Store.
func (s *Store) Describe(context.Context) (string, error) {
	return "simulated: an acknowledgement is worth what the simulation says", nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.hub.close()
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

func (s *Store) get(key string) store.Record {
	r := s.there(key)
	if r.version == 0 {
		return store.Record{}
	}
	return store.Record{Value: append([]byte{}, r.value...), Version: r.version}
}

// there is a record that has not expired; else one of version 0.
func (s *Store) there(key string) record {
	r, ok := s.records[key]
	if !ok || !r.expires.IsZero() && !s.now().Before(r.expires) {
		return record{}
	}
	return r
}

// version is the version of a record now, 0 without one.
func (s *Store) version(key string) uint64 { return s.there(key).version }

func (s *Store) members(r store.Range) [][]byte {
	from, to := r.From, r.To
	if r.Reverse {
		from, to = r.To, r.From
	}
	in := s.between(r.Index, from, to)
	if r.Reverse {
		in = slices.Clone(in)
		slices.Reverse(in)
	}
	var out [][]byte
	for _, m := range in[:min(len(in), max(r.Limit, 0))] {
		out = append(out, bytesOf(m))
	}
	return out
}

func (s *Store) between(index string, from, to []byte) []string {
	all := s.indexes[index]
	low, _ := slices.BinarySearch(all, string(from))
	high := len(all)
	if to != nil {
		high, _ = slices.BinarySearch(all, string(to))
	}
	if low >= high {
		return nil
	}
	return all[low:high]
}

func (s *Store) count(c store.Count) int64 {
	n := int64(len(s.between(c.Index, c.From, c.To)))
	if c.Cap > 0 && n > c.Cap {
		return c.Cap + 1
	}
	return n
}

func (s *Store) entries(r store.LogRange) []store.Entry {
	var out []store.Entry
	for _, e := range s.logs[r.Log] {
		if cmp.Or(cmp.Compare(e.ID.Revision, r.After.Revision), cmp.Compare(e.ID.Seq, r.After.Seq)) > 0 && len(out) < r.Limit {
			out = append(out, store.Entry{ID: e.ID, Value: bytesOf(string(e.Value))})
		}
	}
	return out
}

// bytesOf gives the bytes; never nil, as the contract has it.
func bytesOf(s string) []byte { return append([]byte{}, s...) }
