package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Bounds of a view: what it costs depends neither on the length of the queue
// nor on the number of users.
const (
	viewClasses  = 32  // classes that are looked into
	viewEntries  = 512 // entries in all
	viewPerClass = 16  // of each class, more where many hosts are idle (deepen)
	viewShared   = 256 // of the index that several classes share
	// maxListed is how many classes are listed. More than maxClasses only
	// where several servers named some at the same moment.
	maxListed = 2 * maxClasses
)

// View reads what this offer may choose from: of each class that fits the
// first entries, and what their users hold. seed turns the wheel where there
// are more fitting classes than a view has room for. It is one round trip
// where classes and users are those of the view before, else up to three.
func (s *Scheduler) View(ctx context.Context, o Offer, seed uint64) (View, error) {
	q := store.Query{
		Keys: []string{keyEpoch, keyDrain(o.Host)},
		Ranges: append([]store.Range{
			{Index: keyClasses, Limit: maxListed},
			{Index: keyQueue(classShared), Limit: viewShared},
		}, realRange(&o)...),
		Counts: []store.Count{{Index: keyIdle, Cap: 1024}},
	}
	guess := s.sight.guess()
	guess.ask(&q)
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	f := newFacts(q, a)
	v := View{
		Now: a.Now, Identity: a.Identity, Revision: a.Revision, Idle: a.Counts[0],
		GangWait: s.opts.Timing.GangWait,
	}
	v.setDrain(f, o.Host)
	known := guess.standings(f)
	s.damage.tellRecords(&s.opts.Log, f)
	if v.Drained != "" {
		return v, nil
	}
	var epoch epochRecord
	if _, err := f.load(keyEpoch, &epoch); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	back, err := s.backer(ctx, f.members(keyReal), a.Now)
	if err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	glances := fittingClasses(a.Ranges[0], &o, back, seed)
	v.deepen(glances, &epoch)
	queues := guess.queues(&a, glances)
	if err := s.viewQueues(ctx, glances, queues); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	p := front{view: &v, epoch: epoch, back: back, of: known, told: make(map[string]bool)}
	p.line(classShared, a.Ranges[1], viewShared)
	for _, g := range glances {
		p.line(g.class, queues[g.class], g.depth)
	}
	if err := s.fill(ctx, &p); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	s.sight.note(glances, p.entries(), queues)
	return v, nil
}

func (v *View) setDrain(f *facts, host string) {
	d, _ := f.drain(host)
	v.Drained, v.DrainedDevices = d.By, d.Devices
}

// glance is a class that an offer could run.
type glance struct {
	class string
	now   bool // with the devices that are free
	depth int  // how many of its first entries the view has
}

// fittingClasses are those that the offer could run with all its devices free,
// and that are not left to the GPUs of others.
func fittingClasses(members [][]byte, o *Offer, back *backer, seed uint64) []glance {
	var out []glance
	for _, m := range members {
		n, err := ParseNeed(string(m))
		if err != nil || back.takes(string(m), "") {
			continue
		}
		if ever, now := couldRun(n, o); ever {
			out = append(out, glance{class: string(m), now: now})
		}
	}
	if len(out) > viewClasses {
		start := int(seed % uint64(len(out)))
		out = append(out[start:], out[:start]...)[:viewClasses]
	}
	return out
}

// couldRun checks all but the user's account, which only the entry tells: with all
// devices free, and with those that are.
func couldRun(n Need, o *Offer) (ever, now bool) {
	whole := *o
	whole.Accounts, whole.WorkDirOK = nil, nil
	if o.Accounts != nil && n.Python != "" {
		whole.Environments = append([]Environment{{Name: n.Python, Version: n.Call}}, whole.Environments...)
	}
	if fitHost(n, "", &whole) != nil {
		return false, false
	}
	free, all := countFitting(n, &whole)
	return len(all) >= n.Slots(), len(free) >= n.Slots()
}

// viewQueues reads the first members of the classes that are not known yet.
func (s *Scheduler) viewQueues(ctx context.Context, glances []glance, known map[string][][]byte) error {
	var q store.Query
	var missing []string
	for _, g := range glances {
		if _, ok := known[g.class]; !ok {
			missing = append(missing, g.class)
			q.Ranges = append(q.Ranges, g.front())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	for i, class := range missing {
		known[class] = a.Ranges[i]
	}
	return nil
}

// front is what is read of the class.
func (g *glance) front() store.Range {
	return store.Range{Index: keyQueue(g.class), Limit: g.depth + sightAhead}
}

// deepen says how deep to look into each class: deeper where many idle hosts have to
// find different jobs, or where the first ones are held after a change of store.
// Of what needs more devices than are free, the first are enough to keep some for.
func (v *View) deepen(glances []glance, epoch *epochRecord) {
	most := max(viewPerClass, viewEntries/max(len(glances), 1))
	for i := range glances {
		switch g := &glances[i]; {
		case epoch.held(v.Now):
			g.depth = most
		case g.now:
			g.depth = min(most, max(viewPerClass, int(v.Idle)))
		default:
			g.depth = viewPerClass
		}
	}
}

// Revision is the store's revision: one that has not changed since the last
// view means that a poll has nothing new to find.
func (s *Scheduler) Revision(ctx context.Context) (uint64, error) {
	a, err := s.store.Read(ctx, store.Query{})
	if err != nil {
		return 0, fmt.Errorf("read revision: %w", err)
	}
	return a.Revision, nil
}

// Idle says that the host has a free device and found nothing to do, or that
// it is not so any more. Wakes go to idle hosts only, so an agent that says
// true looks at the queue once more afterwards.
func (s *Scheduler) Idle(ctx context.Context, host string, idle bool) error {
	effect := store.Unindex(keyIdle, idleMember(host))
	if idle {
		effect = store.Index(keyIdle, idleMember(host))
	}
	t := transition[struct{}]{name: "idle", decide: func(*facts) (p plan[struct{}], err error) {
		p.effect(effect)
		return p, nil
	}}
	_, err := run(ctx, s, t)
	return err
}

// expectedEnd is when a job that starts now is over at the latest; zero: nobody knows.
func (e *Entry) expectedEnd(now time.Time) time.Time {
	if e.Timeout == 0 {
		return time.Time{}
	}
	return now.Add(e.Timeout)
}
