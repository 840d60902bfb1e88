package scheduler

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Where users who hold as many devices as they may stand in front of a class,
// however many jobs they have there, a view looks behind them: for a bounded
// number of entries, from where the last view found something or left off.
const (
	skimPage = 512
	skimMost = 8192 // entries that one view looks at, of all its classes
)

// skimmer remembers, by class, where views look behind the front.
type skimmer struct {
	mu sync.Mutex
	at map[string]cursor
}

// cursor is a place in a class behind users who hold enough.
type cursor struct {
	// found is the first entry there that somebody may have; nil: none is known.
	found []byte
	// sweep is where the search for others before it goes on; nil: in front.
	sweep []byte
}

func (k *skimmer) get(class string) cursor {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at[class]
}

func (k *skimmer) put(class string, c cursor) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at == nil || len(k.at) > 4*maxClasses {
		k.at = make(map[string]cursor)
	}
	if k.at[class] = c; c.found == nil && c.sweep == nil {
		delete(k.at, class)
	}
}

// skim looks behind the fronts that are blocked. What one view has no time for
// is left to the next, which comes soon: the view then has no revision.
func (s *Scheduler) skim(ctx context.Context, p *front) error {
	var blocked []*line
	for i := range p.lines {
		if l := &p.lines[i]; l.blocked && l.next != nil && l.got < l.want {
			blocked = append(blocked, l)
		}
	}
	for _, l := range blocked {
		k := skim{s: s, front: p, line: l, cursor: s.skims.get(l.class), budget: max(skimPage, skimMost/len(blocked))}
		all, err := k.run(ctx)
		if err != nil {
			return err
		}
		s.skims.put(l.class, k.cursor)
		if !all {
			p.view.Revision = 0
		}
	}
	return nil
}

// skim is the look behind one front.
type skim struct {
	s      *Scheduler
	front  *front
	line   *line
	cursor cursor
	budget int
}

// run reports whether it found something, or has seen all that there is.
func (k *skim) run(ctx context.Context) (bool, error) {
	if err := k.again(ctx); err != nil {
		return false, err
	}
	from, to := k.cursor.sweep, k.cursor.found
	if bytes.Compare(from, k.line.next) < 0 {
		from = k.line.next
	}
	for k.budget > 0 && k.line.got < k.line.want {
		page, first, err := k.page(ctx, from, to)
		if err != nil {
			return false, err
		}
		if first != nil && k.cursor.found == nil || first != nil && bytes.Compare(first, k.cursor.found) < 0 {
			k.cursor.found = first
		}
		if len(page) < skimPage {
			k.cursor.sweep = nil
			return true, nil
		}
		from = after(page[len(page)-1])
	}
	k.cursor.sweep = from
	if k.cursor.found != nil && bytes.Compare(from, k.cursor.found) > 0 {
		k.cursor.sweep = nil // all before it was seen
	}
	return k.cursor.found != nil, nil
}

// again looks where the last view found something. If something is there still,
// one page more is enough for what has come before it since.
func (k *skim) again(ctx context.Context) error {
	if k.cursor.found == nil || bytes.Compare(k.cursor.found, k.line.next) < 0 {
		k.cursor.found = nil
		return nil
	}
	_, first, err := k.page(ctx, k.cursor.found, nil)
	if k.cursor.found = first; first != nil {
		k.budget = skimPage
	}
	return err
}

// page reads one page, and takes from it what may be had; first is the first of that.
func (k *skim) page(ctx context.Context, from, to []byte) (members [][]byte, first []byte, err error) {
	a, err := k.s.store.Read(ctx, store.Query{Ranges: []store.Range{
		{Index: keyQueue(k.line.class), From: from, To: to, Limit: skimPage},
	}})
	if err != nil {
		return nil, nil, err
	}
	members = a.Ranges[0]
	k.budget -= max(len(members), 1)
	entries, of := k.front.parse(k.line.class, members)
	if err := k.s.learn(ctx, k.front.of, entries); err != nil {
		return nil, nil, err
	}
	for i := range entries {
		if k.front.admit(k.line, entries[i:i+1]) > 0 && first == nil {
			first = slices.Clone(of[i])
		}
		if k.line.got >= k.line.want {
			break
		}
	}
	return members, first, nil
}
