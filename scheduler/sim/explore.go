package sim

import (
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

// Explorer tries all lives of a world up to a depth, the short ones first, so
// that what it finds is short too. A state that was met before is not tried
// again: it was met after as few steps, and its future is the same. Nor is one
// that was met when no more than now had been used of each budget: all that may
// happen now might have happened then.
type Explorer struct {
	Depth  int
	States int // how many different ones were tried
	seen   map[digest][]Budgets
}

// life is a state and how it came about. It is kept as the step that leads to
// it from the state before, which its siblings share: worlds are large, and
// only those whose next steps are tried have to be there.
type life struct {
	before *World
	step   func(*World)
	last   *event
}

// world makes the state.
func (l *life) world() *World {
	w := l.before.Clone()
	l.step(w)
	return w
}

// event is a step that was taken, and those before it.
type event struct {
	name   string
	before *event
}

func (e *event) path() []string {
	var out []string
	for ; e != nil; e = e.before {
		out = append(out, e.name)
	}
	slices.Reverse(out)
	return out
}

// Explore returns the first life in which a promise falls, nil if there is none.
func (e *Explorer) Explore(w *World) *Found {
	e.seen, e.States = make(map[digest][]Budgets), 0
	lives := []life{{before: w, step: func(*World) {}}}
	if _, err := e.meets(w); err != nil {
		return &Found{nil, err}
	}
	for left := e.Depth; left > 0; left-- {
		var next []life
		for i, l := range lives {
			lives[i] = life{} // the state before it may go
			more, f := e.after(&l)
			if f != nil {
				return f
			}
			if left > 1 {
				next = append(next, more...)
			}
		}
		lives = next
	}
	return nil
}

// after gives the lives that are one step longer and in a state not met before.
func (e *Explorer) after(l *life) (more []life, f *Found) {
	w := l.world()
	if err := w.check(); err != nil { // it was checked when it was met; this notes in w what was accepted
		return nil, &Found{l.last.path(), err}
	}
	for _, s := range w.steps() {
		next := life{w, s.do, &event{s.name, l.last}}
		isNew, err := e.meets(next.world())
		if err != nil {
			return nil, &Found{next.last.path(), err}
		}
		if isNew {
			more = append(more, next)
		}
	}
	return more, nil
}

// meets notes the state, and checks it if it is a new one.
func (e *Explorer) meets(w *World) (isNew bool, err error) {
	if w.broken == nil {
		d := w.digest()
		if slices.ContainsFunc(e.seen[d], w.used.atLeast) {
			return false, nil
		}
		e.seen[d] = append(e.seen[d], w.used)
		e.States++
	}
	return true, w.check()
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
