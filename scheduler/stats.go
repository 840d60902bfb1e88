package scheduler

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Loop is how one loop of Run is doing.
type Loop struct {
	Name   string // adopt, promote, reap, check
	Rounds int64  // with those that failed
	Errors int64  // rounds that failed
	// Succeeded is the end of the last round without an error, before the first
	// one the loop's start.
	Succeeded time.Time
}

// Stats is what the loops of this process have done since it started. Other
// processes on the same store count for themselves: the sum is what was done.
type Stats struct {
	Loops    []Loop          // by name
	Reaped   map[State]int64 // leases of silent agents that were ended, by what became of the job
	Promoted map[State]int64 // jobs moved because a time had come or other jobs had ended, by their new state
	Purged   int64           // jobs forgotten
	Repaired int64           // what a check put right
}

// tally counts for Stats.
type tally struct {
	mu    sync.Mutex
	loops map[string]*Loop
	stats Stats
}

// Stats tells what the loops have done.
func (s *Scheduler) Stats() Stats {
	t := &s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.stats
	out.Reaped, out.Promoted = maps.Clone(out.Reaped), maps.Clone(out.Promoted)
	for _, l := range t.loops {
		out.Loops = append(out.Loops, *l)
	}
	slices.SortFunc(out.Loops, func(a, b Loop) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// begin lists a loop.
func (t *tally) begin(name string) {
	t.change(func(*Stats) {
		if t.loops == nil {
			t.loops = make(map[string]*Loop)
		}
		t.loops[name] = &Loop{Name: name, Succeeded: time.Now()}
	})
}

// round counts a round of a loop that has begun.
func (t *tally) round(name string, err error) {
	t.change(func(*Stats) {
		l := t.loops[name]
		l.Rounds++
		if err != nil {
			l.Errors++
			return
		}
		l.Succeeded = time.Now()
	})
}

// reaped counts a lease that was ended; promoted a job that was moved. State "" is none.
func (t *tally) reaped(to State)   { t.change(func(s *Stats) { count(&s.Reaped, to) }) }
func (t *tally) promoted(to State) { t.change(func(s *Stats) { count(&s.Promoted, to) }) }

func count(by *map[State]int64, to State) {
	if to == "" {
		return
	}
	if *by == nil {
		*by = make(map[State]int64)
	}
	(*by)[to]++
}

func (t *tally) change(f func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.stats)
}
