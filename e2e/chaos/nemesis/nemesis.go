package nemesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
)

const (
	// atOnce is how many faults are there at one time.
	atOnce = 3
	// everyLeast and everyMost are the time between two faults, at a time scale of
	// 20: twenty times that in the times of the protocol.
	everyLeast, everyMost = 100 * time.Millisecond, 1500 * time.Millisecond
	// healPatience is how long a fault may take to be mended.
	healPatience = 90 * time.Second
	// missedMost is the part of all faults, one of so many, that may not come about:
	// with the store away no token can be revoked. More is a fault of the nemesis.
	missedMost = 10
	// neverLeast is how many faults of one number that do not come about are one that
	// cannot, where none of it did.
	neverLeast = 3
)

// errEnded: the run ended while a fault was being injected.
var errEnded = errors.New("the run ended meanwhile")

// Options say what a nemesis does.
type Options struct {
	World  *world.World
	Dir    string // of the world
	Disks  bool   // whether Disks has made the file systems that can be filled
	Seed   uint64
	Scale  int // the world's
	Record *record.Writer
	// Recovery is the most that may pass between the death of a host and the end of its
	// leases (record.World): some deaths last longer, so that it can be seen.
	Recovery time.Duration
	// Only are the numbers of the faults that are drawn ("F3"); none: all.
	Only []string
	// Say takes a line for each step; nil: nobody reads.
	Say func(string)
}

// Nemesis breaks and mends.
type Nemesis struct {
	o       Options
	deck    []Fault // what is left of it
	drawn   int
	running sync.WaitGroup

	mu     sync.Mutex
	active map[int]*strike
	counts map[string]int
	errs   []error
	missed []error // what others that were there did not let happen
	misses map[string]int
}

// New makes a nemesis. A number in Only that is not injected is an error, which
// says why.
func New(o Options) (*Nemesis, error) {
	for _, number := range o.Only {
		i := slices.IndexFunc(Table(), func(f Fault) bool { return f.Number == number })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %s: they are F1 to F40", number)
		}
		if f := Table()[i]; f.aim == nil {
			return nil, fmt.Errorf("%s (%s) is not injected: %s", number, f.Name, f.Elsewhere)
		}
	}
	return &Nemesis{o: o, active: map[int]*strike{}, counts: map[string]int{}, misses: map[string]int{}}, nil
}

// Run breaks things until ctx ends, mends all, and gives how many faults there
// were of each number, and what could not be broken or mended.
func (n *Nemesis) Run(ctx context.Context) (map[string]int, error) {
	r := rand.New(rand.NewPCG(n.o.Seed, 1))
	for pause(ctx, everyLeast+time.Duration(r.Float64()*float64(everyMost-everyLeast))) {
		if f, s := n.next(r); s != nil {
			n.start(ctx, f, s)
		}
	}
	n.running.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.missed) > 1+n.drawn/missedMost {
		n.errs = append(n.errs, n.missed...)
	}
	n.errs = append(n.errs, n.never()...)
	return n.counts, errors.Join(n.errs...)
}

// next draws a fault: the first of a shuffled deck of all of them that can be
// now, so that a short run meets as many as it can. None where all must wait.
func (n *Nemesis) next(r *rand.Rand) (Fault, *strike) {
	if len(n.deck) == 0 {
		n.deck = n.shuffled(r)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.active) >= atOnce {
		return Fault{}, nil
	}
	for i, f := range n.deck {
		s := f.aim(n.draw())
		if s != nil && n.touched(s) {
			continue
		}
		n.deck = slices.Delete(n.deck, i, i+1)
		if s != nil { // else this world does not have it
			n.drawn++
			n.active[n.drawn] = s
		}
		return f, s
	}
	return Fault{}, nil
}

func (n *Nemesis) shuffled(r *rand.Rand) (deck []Fault) {
	for _, f := range Table() {
		if f.aim != nil && (len(n.o.Only) == 0 || slices.Contains(n.o.Only, f.Number)) {
			deck = append(deck, f)
		}
	}
	r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// draw gives the next fault a source of its own. The caller has the lock.
func (n *Nemesis) draw() *draw {
	return &draw{
		World: n.o.World, r: rand.New(rand.NewPCG(n.o.Seed, 2+uint64(n.drawn))), scale: n.o.Scale, dir: n.o.Dir, disks: n.o.Disks,
		timing: scheduler.DefaultTiming().Scale(n.o.Scale), recovery: n.o.Recovery,
		seen: func(i record.Interval) error { return record.Write(n.o.Record, i) },
	}
}

// touched: one of the strikes that are there touches what this one does. The
// caller has the lock.
func (n *Nemesis) touched(s *strike) bool {
	for _, other := range n.active {
		for _, one := range other.touches {
			if slices.Contains(s.touches, one) {
				return true
			}
		}
	}
	return false
}

func (n *Nemesis) start(ctx context.Context, f Fault, s *strike) {
	id := n.drawn
	n.running.Go(func() {
		missed, err := n.strike(ctx, id, f, s)
		n.over(id, f, missed, err)
	})
}

// over counts what came of a fault.
func (n *Nemesis) over(id int, f Fault, missed, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.active, id)
	if err != nil {
		n.errs = append(n.errs, err)
	}
	switch {
	case missed == nil:
		n.counts[f.Number]++
	case !errors.Is(missed, errEnded):
		n.missed = append(n.missed, missed)
		n.misses[f.Number]++
	}
}

// never says which faults were drawn again and again and did not come about. The caller
// has the lock.
func (n *Nemesis) never() (errs []error) {
	for _, number := range slices.Sorted(maps.Keys(n.misses)) {
		if missed := n.misses[number]; missed >= neverLeast && n.counts[number] == 0 {
			errs = append(errs, fmt.Errorf("%s was drawn %d times, and never came about", number, missed))
		}
	}
	return errs
}

// strike breaks, waits, and mends. missed says why it could not be broken: that is
// no fault, and the record does not count it as one. An error is one of the run: what
// was broken stays so, or a promise was.
func (n *Nemesis) strike(ctx context.Context, id int, f Fault, s *strike) (missed, err error) {
	from := int64(boottime.Now())
	n.say(fmt.Sprintf("nemesis: inject %d %s (%s) on %s, for %s", id, f.Number, f.Name, s.target, s.lasts.Round(time.Millisecond)))
	if missed = s.inject(ctx); missed == nil {
		err = n.note(id, f, s, record.Inject, from)
	} else if missed = fmt.Errorf("%s on %s: inject: %w", f.Number, s.target, missed); ctx.Err() != nil {
		missed = fmt.Errorf("%w: %w", errEnded, missed)
	}
	pause(ctx, s.lasts)
	err = errors.Join(err, n.mend(ctx, f, s))
	now := int64(boottime.Now())
	for _, i := range s.intervals {
		i.FromNS, i.ToNS = from, now
		err = errors.Join(err, record.Write(n.o.Record, i))
	}
	if trouble := errors.Join(missed, err); trouble != nil {
		n.say("nemesis: " + trouble.Error())
	}
	n.say(fmt.Sprintf("nemesis: heal %d %s on %s", id, f.Number, s.target))
	return missed, errors.Join(err, n.note(id, f, s, record.Heal, now))
}

// mend ends a fault, also where it was broken in part, and where the run has ended.
func (n *Nemesis) mend(ctx context.Context, f Fault, s *strike) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healPatience)
	defer cancel()
	if err := s.heal(ctx); err != nil {
		return fmt.Errorf("%s on %s: heal: %w", f.Number, s.target, err)
	}
	return nil
}

func (n *Nemesis) note(id int, f Fault, s *strike, step string, at int64) error {
	return record.Write(n.o.Record, record.Fault{ID: id, Fault: f.Number, Step: step, Target: s.target, Detail: f.Name, AtNS: at})
}

func (n *Nemesis) say(line string) {
	if n.o.Say != nil {
		n.o.Say(line)
	}
}
