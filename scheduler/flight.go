package scheduler

import (
	"context"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// flight counts the jobs that this process is submitting right now, by class
// and user: they are in no counter yet, and without them a user who submits
// from many threads would get the same rank for all.
type flight struct {
	mu   sync.Mutex
	jobs map[string]int
}

// enter adds the chunk, and gives how many jobs of each class and user were before it.
func (f *flight) enter(c *chunk) map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.jobs == nil {
		f.jobs = make(map[string]int)
	}
	before := make(map[string]int, 1)
	for _, it := range c.items {
		key := keyQueued(it.job.Class, it.job.User)
		if _, seen := before[key]; !seen {
			before[key] = f.jobs[key]
		}
	}
	f.add(c, 1)
	return before
}

// leave takes the chunk out again.
func (f *flight) leave(c *chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(c, -1)
}

func (f *flight) add(c *chunk, n int) {
	for _, it := range c.items {
		key := keyQueued(it.job.Class, it.job.User)
		if f.jobs[key] += n; f.jobs[key] == 0 {
			delete(f.jobs, key)
		}
	}
}

// classes remembers which classes have an index of their own. Submit lists a
// class again with each job, so that an old memory does no harm.
type classes struct {
	mu    sync.Mutex
	known map[string]bool // class → it shares an index
}

// nameClasses decides for each class of the chunk whether it gets an index of
// its own: while there are fewer than maxClasses, or it has one already.
func (s *Scheduler) nameClasses(ctx context.Context, c *chunk) error {
	if err := s.lookUpClasses(ctx, c); err != nil {
		return err
	}
	s.classes.mu.Lock()
	defer s.classes.mu.Unlock()
	for i := range c.items {
		c.items[i].job.Shared = s.classes.known[c.items[i].job.Class]
	}
	return nil
}

// sharesIndex reports whether jobs of a class stand in the index that several share.
func (s *Scheduler) sharesIndex(ctx context.Context, class string) (bool, error) {
	c := &chunk{items: []*item{{job: Job{Class: class}}}}
	err := s.nameClasses(ctx, c)
	return c.items[0].job.Shared, err
}

func (s *Scheduler) lookUpClasses(ctx context.Context, c *chunk) error {
	missing := s.classes.missing(c)
	if len(missing) == 0 {
		return nil
	}
	q := store.Query{Counts: []store.Count{{Index: keyClasses, Cap: maxClasses}}}
	for _, class := range missing {
		q.Ranges = append(q.Ranges, store.Range{Index: keyClasses, From: []byte(class), To: append([]byte(class), 0), Limit: 1})
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	s.classes.learn(missing, a)
	return nil
}

func (k *classes) missing(c *chunk) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	seen := make(map[string]bool)
	for i := range c.items {
		class := c.items[i].job.Class
		if _, ok := k.known[class]; !ok && !seen[class] {
			seen[class] = true
			out = append(out, class)
		}
	}
	return out
}

// learn keeps the answers, and starts over where they have become many or the
// shared index is in use: room may be free again.
func (k *classes) learn(asked []string, a store.Answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= 2*maxClasses {
		k.known = make(map[string]bool)
	}
	room := maxClasses - a.Counts[0]
	for i, class := range asked {
		listed := len(a.Ranges[i]) > 0
		k.known[class] = !listed && room <= 0
		if !listed {
			room--
		}
	}
}
