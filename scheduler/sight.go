package scheduler

import (
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	maxSightUsers = 128 // whom a sight remembers
	// sightAhead is how many entries of a class are read beyond those of a
	// view: whose turn comes with the next claims is then known before.
	sightAhead = 8
)

// sight is what the last view found: the classes that fit, and who waits in
// front of them. They seldom change from one job to the next, so the next view asks for
// them with its first read. A wrong guess costs a round trip and nothing else.
type sight struct {
	mu   sync.Mutex
	last seen
}

// seen is immutable.
type seen struct {
	classes []string
	limit   int // entries of each class
	users   []string
}

func (s *sight) guess() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *sight) note(classes []string, limit int, entries []Entry, queues map[string][][]byte) {
	users := usersOf(entries, ahead(classes, limit, queues))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(users) == 0 { // an empty queue: who comes next was probably here before
		users = s.last.users
	}
	s.last = seen{slices.Clone(classes), limit, users}
}

// ahead parses what stands behind a view's entries.
func ahead(classes []string, limit int, queues map[string][][]byte) (entries []Entry) {
	for _, class := range classes {
		members := queues[class]
		for _, m := range members[min(limit, len(members)):] {
			if e, err := parseEntry(class, m); err == nil {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// usersOf gives the users of the entries, those in front first, at most maxSightUsers.
func usersOf(lists ...[]Entry) (users []string) {
	known := make(map[string]bool)
	for _, entries := range lists {
		for i := range entries {
			if user := entries[i].User; !known[user] && len(users) < maxSightUsers {
				known[user] = true
				users = append(users, user)
			}
		}
	}
	return users
}

// ask adds the guess to the end of a query.
func (g *seen) ask(q *store.Query) {
	for _, class := range g.classes {
		q.Ranges = append(q.Ranges, store.Range{Index: keyQueue(class), Limit: g.limit + sightAhead})
	}
	for _, user := range g.users {
		askStanding(q, user)
	}
}

// queues gives the members of the classes that were asked for, from the end of
// the answer; none where another number of entries is wanted by now.
func (g *seen) queues(a *store.Answer, limit int) map[string][][]byte {
	known := make(map[string][][]byte, len(g.classes))
	if limit != g.limit {
		return known
	}
	first := len(a.Ranges) - len(g.classes)
	for i, class := range g.classes {
		known[class] = a.Ranges[first+i]
	}
	return known
}

// standings gives those of the users that were asked for.
func (g *seen) standings(f *facts) (standings, error) {
	known := make(standings, len(g.users))
	for i, user := range g.users {
		var err error
		if known[user], err = readStanding(f, user, f.Counters[i]); err != nil {
			return nil, err
		}
	}
	return known, nil
}
