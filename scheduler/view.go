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
	viewPerClass = 16  // of each class, more where few classes or many idle hosts are
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
	if err := v.setDrain(f, o.Host); err != nil || v.Drained != "" {
		return v, err
	}
	var epoch epochRecord
	if _, err := f.load(keyEpoch, &epoch); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	back, err := s.backer(ctx, f.members(keyReal), a.Now)
	if err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	classes := fittingClasses(a.Ranges[0], &o, back, seed)
	limit := v.perClass(len(classes), epoch)
	queues := guess.queues(&a, limit)
	if err := s.viewQueues(ctx, classes, limit, queues); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	known, err := guess.standings(f)
	if err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	p := front{view: &v, epoch: epoch, back: back, of: known, told: make(map[string]bool)}
	p.line(classShared, a.Ranges[1], viewShared)
	for _, class := range classes {
		p.line(class, queues[class], limit)
	}
	if err := s.fill(ctx, &p); err != nil {
		return View{}, fmt.Errorf("view: %w", err)
	}
	s.sight.note(classes, limit, p.entries(), queues)
	return v, nil
}

func (v *View) setDrain(f *facts, host string) error {
	var d drainRecord
	if _, err := f.load(keyDrain(host), &d); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	v.Drained, v.DrainedDevices = d.By, d.Devices
	return nil
}

// fittingClasses are those that the offer could run with all its devices free,
// and that are not left to the GPUs of others.
func fittingClasses(members [][]byte, o *Offer, back *backer, seed uint64) []string {
	var out []string
	for _, m := range members {
		if n, err := ParseNeed(string(m)); err == nil && couldRun(n, o) && !back.takes(string(m), "") {
			out = append(out, string(m))
		}
	}
	if len(out) > viewClasses {
		start := int(seed % uint64(len(out)))
		out = append(out[start:], out[:start]...)[:viewClasses]
	}
	return out
}

// couldRun checks all but the user's account, which only the entry tells.
func couldRun(n Need, o *Offer) bool {
	whole := *o
	whole.Accounts, whole.WorkDirOK = nil, nil
	if o.Accounts != nil && n.Python != "" {
		whole.Environments = append([]Environment{{Name: n.Python, Version: n.Call}}, whole.Environments...)
	}
	if fitHost(n, "", &whole) != nil {
		return false
	}
	_, all := countFitting(n, &whole)
	return len(all) >= n.Slots()
}

// viewQueues reads the first members of the classes that are not known yet.
func (s *Scheduler) viewQueues(ctx context.Context, classes []string, limit int, known map[string][][]byte) error {
	var q store.Query
	var missing []string
	for _, class := range classes {
		if _, ok := known[class]; !ok {
			missing = append(missing, class)
			q.Ranges = append(q.Ranges, store.Range{Index: keyQueue(class), Limit: limit + sightAhead})
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

// perClass is how deep to look: deeper where many idle hosts have to find
// different jobs, or where the first ones are held after a change of store.
func (v *View) perClass(classes int, epoch epochRecord) int {
	want := max(viewPerClass, int(v.Idle))
	if v.Now.Before(unstamp(epoch.HoldUntil)) {
		want = viewEntries
	}
	return max(viewPerClass, min(want, viewEntries/max(classes, 1)))
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
