package sim

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Found is a life in which a promise fell.
type Found struct {
	Path []string // what happened, in order
	Err  error
}

// Error tells the life.
func (f *Found) Error() string {
	return fmt.Sprintf("%v, after:\n  %s", f.Err, strings.Join(f.Path, "\n  "))
}

// Explorer tries all lives of a world up to a depth. States that were seen at
// the same depth or earlier are not tried again.
type Explorer struct {
	Depth  int
	States int // how many were tried
	seen   map[[16]byte]int
}

// Explore returns the first life in which a promise falls, nil if there is none.
func (e *Explorer) Explore(w *World) *Found {
	e.seen = make(map[[16]byte]int)
	// Short lives first, so that what is found is short too.
	for depth := min(4, e.Depth); ; depth = min(depth+3, e.Depth) {
		clear(e.seen)
		if f := e.from(w, nil, depth); f != nil || depth == e.Depth {
			return f
		}
	}
}

func (e *Explorer) from(w *World, path []string, left int) *Found {
	if err := w.check(); err != nil {
		return &Found{append([]string(nil), path...), err}
	}
	if left == 0 {
		return nil
	}
	digest := w.digest()
	if before, seen := e.seen[digest]; seen && before >= left {
		return nil
	}
	e.seen[digest] = left
	e.States++
	for _, s := range w.steps() {
		next := w.Clone()
		s.do(next)
		if f := e.from(next, append(path, s.name), left-1); f != nil {
			return f
		}
	}
	return nil
}

// Wander lives one random life of so many steps, and checks the store's
// consistency along the way.
func Wander(w *World, seed uint64, steps int) *Found {
	r := rand.New(rand.NewPCG(seed, 0))
	var path []string
	for i := range steps {
		options := w.steps()
		s := options[r.IntN(len(options))]
		path = append(path, s.name)
		s.do(w)
		err := w.check()
		if err == nil && i%10 == 0 {
			err = w.consistent()
		}
		if err != nil {
			return &Found{path, err}
		}
	}
	return nil
}

// Follow takes the named steps, for a life that begins in the middle. A step
// that is not possible is an error.
func (w *World) Follow(names ...string) error {
	for _, name := range names {
		options := w.steps()
		i := slices.IndexFunc(options, func(s step) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("%q is not possible now", name)
		}
		options[i].do(w)
		if err := w.check(); err != nil {
			return fmt.Errorf("after %q: %w", name, err)
		}
	}
	return nil
}

// digest names the state: two worlds with the same digest have the same future.
func (w *World) digest() [16]byte {
	h := sha256.New()
	put := func(args ...any) { fmt.Fprintln(h, args...) }
	put(w.elapsed, w.base.UnixNano(), w.used, w.losses, w.live, w.submitted, w.cancelled, w.accepted, w.promised)
	w.store.digest(put)
	if w.backup != nil {
		w.backup.digest(put)
	}
	for i := range w.agents {
		a := &w.agents[i]
		put(a.name, a.joined, a.epoch, a.claims, a.belief, a.leases, a.procs)
	}
	for _, p := range w.pending {
		put(p.op, p.commit.Identity)
		for _, g := range p.commit.Guards {
			put(g.Key, w.store.holds(g))
		}
		for _, f := range p.commit.Effects {
			put(f.Kind, f.Key, string(f.Value), f.N)
		}
	}
	put(w.server.reaper.Sightings(w.store.version))
	var out [16]byte
	copy(out[:], h.Sum(nil))
	return out
}

// digest writes what the store holds, without what no decision reads: the
// numbers of versions, of which only equality matters, and the logs.
func (s *Store) digest(put func(...any)) {
	put(s.identity)
	keys := make(map[string]string, len(s.records))
	for key, r := range s.records {
		keys[key] = string(r.value)
	}
	put(keys, s.indexes, s.counters)
}

// version is the version of a record now.
func (s *Store) version(key string) uint64 { return s.get(key).Version }
