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
	glances []glance
	users   []string
}

func (s *sight) guess() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *sight) note(glances []glance, entries []Entry, queues map[string][][]byte) {
	users := usersOf(entries, ahead(glances, queues))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(users) == 0 { // an empty queue: who comes next was probably here before
		users = s.last.users
	}
	s.last = seen{glances, users}
}

// ahead parses what stands behind a view's entries.
func ahead(glances []glance, queues map[string][][]byte) (entries []Entry) {
	for _, g := range glances {
		members := queues[g.class]
		for _, m := range members[min(g.depth, len(members)):] {
			if e, err := parseEntry(g.class, m); err == nil {
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
func (s *seen) ask(q *store.Query) {
	for i := range s.glances {
		q.Ranges = append(q.Ranges, s.glances[i].front())
	}
	for _, user := range s.users {
		askStanding(q, user)
	}
}

// queues gives the members of the classes that were asked for, from the end of
// the answer, without those of which more entries are wanted by now.
func (s *seen) queues(a *store.Answer, wanted []glance) map[string][][]byte {
	known := make(map[string][][]byte, len(s.glances))
	first := len(a.Ranges) - len(s.glances)
	for i, had := range s.glances {
		deeper := func(w glance) bool { return w.class == had.class && w.depth > had.depth }
		if !slices.ContainsFunc(wanted, deeper) {
			known[had.class] = a.Ranges[first+i]
		}
	}
	return known
}

// standings gives those of the users that were asked for.
func (s *seen) standings(f *facts) standings {
	known := make(standings, len(s.users))
	for i, user := range s.users {
		known[user] = readStanding(f, user, f.Counters[i])
	}
	return known
}
