package scheduler

import (
	"cmp"
	"context"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// gaps are the ranges of ids [from, to) that were never issued, in order and
// apart: one for each time that the store was lost (adopt.go), or that a server knew
// of more ids than the one that adopted it (ids.go), and ids were issued since. None is ever
// forgotten: whoever walks through all ids would look for a million jobs or two in it.
type gaps [][2]JobID

// below is the highest id up to the given one that lies in no gap; 0: there is none.
func (g gaps) below(id JobID) JobID {
	for id > 0 {
		i, _ := slices.BinarySearchFunc(g, id, func(r [2]JobID, id JobID) int { return cmp.Compare(r[1]-1, id) })
		if i == len(g) || id < g[i][0] {
			return id
		}
		id = g[i][0] - 1
	}
	return 0
}

// with gives the gaps and one more, above them all.
func (g gaps) with(from, to JobID) gaps {
	if n := len(g); n > 0 && g[n-1][1] == from {
		from, g = g[n-1][0], g[:n-1]
	}
	return append(g, [2]JobID{from, to})
}

// gapKeys are the records that facts.gaps looks at.
var gapKeys = []string{keyGaps, keyEpoch}

// gaps gives the gaps, and the version of their record. While there is none, they are
// those that an earlier build noted beside the epoch; the first record takes them over.
func (f *facts) gaps() (unissued gaps, version uint64, err error) {
	if version, err = f.load(keyGaps, &unissued); err != nil || version != 0 {
		return unissued, version, err
	}
	var e epochRecord
	_, err = f.load(keyEpoch, &e)
	return e.Gaps, 0, err
}

// goOnAbove has ids go on above the given one, if they do not yet.
func (s *Scheduler) goOnAbove(ctx context.Context, id JobID) error {
	t := transition[struct{}]{name: "leave ids out", freeing: true, query: store.Query{Keys: gapKeys, Counters: []string{keyIDs}}}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		if JobID(f.counter(keyIDs)) < id {
			err = p.leaveOut(f, id+1)
		}
		return p, err
	}
	_, err := run(ctx, s, t)
	return err
}

// leaveOut has ids go on with the given one, and lists not look for those in between. It is
// guarded by the counter: what another server takes from it meanwhile would lie in two
// gaps, or in none.
func (d *draft) leaveOut(f *facts, next JobID) error {
	unissued, version, err := f.gaps()
	if err != nil {
		return err
	}
	last := f.counter(keyIDs)
	d.guard(store.At(keyGaps, version), store.AtMost(keyIDs, 0, last))
	d.effect(store.Put(keyGaps, encode(unissued.with(JobID(last)+1, next))), store.Add(keyIDs, int64(next)-1-last))
	return nil
}

// highestID is the highest id that can have been issued, and what lies below it unissued.
func (s *Scheduler) highestID(ctx context.Context) (top JobID, unissued gaps, err error) {
	q := store.Query{Keys: gapKeys, Counters: []string{keyIDs}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return 0, nil, err
	}
	unissued, _, err = newFacts(q, a).gaps()
	return JobID(a.Counters[0]), unissued, err
}

// idsDown gives up to n ids from the given one down, without those of the gaps.
func idsDown(from JobID, n int, unissued gaps) []JobID {
	ids := make([]JobID, 0, n)
	for id := unissued.below(from); id > 0 && len(ids) < n; id = unissued.below(id - 1) {
		ids = append(ids, id)
	}
	return ids
}
