package slot

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// maxWarm is how many environments one slot keeps warm.
const maxWarm = 2

// stable keeps processes ready: per environment a warm parent with a child
// forked ahead, or a spare interpreter. Safe for concurrent use.
type stable struct {
	options *Options
	nursery *nursery
	safety  safety

	keeper *isolation.Keeper
	penned int // groups of spares so far

	mu     sync.Mutex
	warm   []*stall // the most recently used last
	spares map[spareKey]*child
}

// stall is a warm parent and the child that it has forked ahead.
type stall struct {
	python string
	parent *warmParent
	ahead  *fork // nil: none asked for
}

type spareKey struct {
	python string
	uid    int64 // -1: the slot's own user
}

func newStable(o *Options, n *nursery, k *isolation.Keeper) *stable {
	return &stable{keeper: k, options: o, nursery: n, safety: safety{runner: o.Runner}, spares: map[spareKey]*child{}}
}

// mode is how a process for g is come by on this host.
func (s *stable) mode(g *Grant) (mode, error) {
	if g.Python == "" {
		return mode{}, errNoPython
	}
	unsafe := func() error { return s.safety.check(g.Python) }
	return chooseMode(g, uint32(os.Geteuid()), len(s.options.Preload) > 0, unsafe)
}

// take hands out a process for one job. It is not the stable's any more.
func (s *stable) take(ctx context.Context, g *Grant, m mode) (*child, error) {
	if m.warm {
		return s.takeWarm(ctx, g.Python)
	}
	return s.takeSpare(ctx, g.Python, m)
}

// ready makes the next process ahead of need, of the same kind as the last.
func (s *stable) ready(python string, m mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if m.warm {
		var w *stall
		if w, err = s.stallOf(python); err == nil && w.ahead == nil {
			w.ahead = w.parent.fork()
		}
	} else if key := keyOf(python, m.account); s.spares[key] == nil {
		err = s.addSpare(context.Background(), key, m)
	}
	if err != nil {
		s.options.Log.Warn().Err(err).Str("python", python).Msg("no interpreter ahead of need")
	}
}

// takeWarm tries twice: a parent may have died while it was idle.
func (s *stable) takeWarm(ctx context.Context, python string) (*child, error) {
	c, err := s.tryWarm(ctx, python)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	s.options.Log.Warn().Err(err).Str("python", python).Msg("warm interpreter lost: starting another")
	return s.tryWarm(ctx, python)
}

func (s *stable) tryWarm(ctx context.Context, python string) (*child, error) {
	s.mu.Lock()
	w, err := s.stallOf(python)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	f := w.ahead
	if f == nil {
		f = w.parent.fork()
	}
	w.ahead = nil
	s.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		w.parent.shoot()
		return nil, fmt.Errorf("the warm interpreter did not answer: %w", context.Cause(ctx))
	}
	if f.err != nil {
		return nil, f.err
	}
	if !f.child.alive() {
		return nil, fmt.Errorf("the waiting process ended: %s", describe(f.child.status))
	}
	return f.child, nil
}

// stallOf finds or starts the warm parent of an environment. mu is held.
func (s *stable) stallOf(python string) (*stall, error) {
	for i, w := range s.warm {
		if w.python != python {
			continue
		}
		s.warm = append(s.warm[:i], s.warm[i+1:]...)
		if w.parent.alive() {
			s.warm = append(s.warm, w)
			return w, nil
		}
		break
	}
	// It may be long ago that the mode was chosen.
	if os.Geteuid() == 0 {
		if err := s.safety.recheck(python); err != nil {
			return nil, fmt.Errorf("root runs nothing that others can change: %w", err)
		}
	}
	parent, err := startWarm(s.nursery, s.options, python)
	if err != nil {
		return nil, err
	}
	if len(s.warm) >= maxWarm {
		s.warm[0].parent.shoot()
		s.warm = s.warm[1:]
	}
	w := &stall{python: python, parent: parent}
	s.warm = append(s.warm, w)
	return w, nil
}

func (s *stable) takeSpare(ctx context.Context, python string, m mode) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(python, m.account)
	if c := s.spares[key]; c == nil || !c.alive() || (m.hold == nil) != (c.pen == nil) {
		if err := s.addSpare(ctx, key, m); err != nil {
			return nil, err
		}
	}
	c := s.spares[key]
	delete(s.spares, key)
	return c, nil
}

// addSpare starts a spare; of the others at most one stays. mu is held.
func (s *stable) addSpare(ctx context.Context, key spareKey, m mode) error {
	c, err := s.newSpare(ctx, key, m)
	if err != nil {
		return err
	}
	for k, c := range s.spares {
		if k == key || len(s.spares) >= maxWarm {
			c.line.close() // it ends itself
			delete(s.spares, k)
		}
	}
	s.spares[key] = c
	return nil
}

func keyOf(python string, account *Account) spareKey {
	if account == nil {
		return spareKey{python, -1}
	}
	return spareKey{python, int64(account.UID)}
}

// owned are the pids of processes that are the slot's own and no job's. One that
// was reaped is not among them: its pid may be a job's by now.
func (s *stable) owned() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	pids := map[int]bool{}
	for _, w := range s.warm {
		w.parent.settle()
		w.parent.addOwned(pids)
		if w.ahead != nil && w.ahead.err == nil && w.ahead.child.alive() {
			pids[w.ahead.child.pid] = true
		}
	}
	for _, c := range s.spares {
		if c.alive() {
			pids[c.pid] = true
		}
	}
	return pids
}

// alive reports whether the parent can still be asked for children.
func (p *warmParent) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}
