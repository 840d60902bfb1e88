package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// front is a view in the making: what stands in front of each of its classes,
// from which those are taken that their users may have.
type front struct {
	view  *View
	epoch epochRecord
	back  *backer // leaves jobs to the GPUs of others
	lines []line
	of    standings
	told  map[string]bool // users who hold enough, of whom one entry is in the view
}

// line is the front of one index of waiting jobs.
type line struct {
	class   string
	entries []Entry
	next    []byte // where it goes on behind these
	want    int    // how many are looked for
	got     int    // how many of them their users may have
	blocked bool   // others than those are in front, and there is more behind
	taken   map[string]int64
}

// line adds the first members of an index.
func (p *front) line(class string, members [][]byte, limit int) {
	l := line{class: class, want: limit, taken: make(map[string]int64)}
	n := min(limit, len(members))
	l.entries, _ = p.parse(class, members[:n])
	if n > 0 && n == limit {
		l.next = after(members[n-1])
	}
	p.lines = append(p.lines, l)
}

// parse gives the entries of members, and the members that have one. Entries from
// before a change of store are left out while the hold-off runs: their claim would
// be refused.
func (p *front) parse(class string, members [][]byte) (entries []Entry, of [][]byte) {
	entries, of = make([]Entry, 0, len(members)), make([][]byte, 0, len(members))
	held := p.epoch.held(p.view.Now)
	for _, m := range members {
		e, err := parseEntry(class, m)
		if err != nil {
			continue // an entry of no job of ours is Check's to remove
		}
		if p.back.takes(e.Class, e.Unix) {
			continue
		}
		if held && e.Since.Before(unstamp(p.epoch.Adopted)) {
			p.view.OnHold++
			continue
		}
		entries, of = append(entries, e), append(of, m)
	}
	return entries, of
}

// after is the first member that can follow m.
func after(m []byte) []byte { return append(append(make([]byte, 0, len(m)+1), m...), 0) }

// entries gives all that was looked at in front.
func (p *front) entries() (all []Entry) {
	for i := range p.lines {
		all = append(all, p.lines[i].entries...)
	}
	return append(all, p.view.Entries...)
}

// fill takes the entries into the view, and looks further behind where users who
// hold enough stand in front.
func (s *Scheduler) fill(ctx context.Context, p *front) error {
	if err := s.learn(ctx, p.of, p.entries()); err != nil {
		return err
	}
	for i := range p.lines {
		p.admit(&p.lines[i], p.lines[i].entries)
	}
	if err := s.skim(ctx, p); err != nil {
		return err
	}
	p.view.Held = make(map[string]int64)
	for i := range p.view.Entries {
		user := p.view.Entries[i].User
		p.view.Held[user] = p.of[user].held
	}
	return nil
}

// admit takes those entries into the view that their users may have, one after
// the other: of a user who may hold two devices more, the first two. Of a user
// who holds enough one is taken too, so that the reason is known.
func (p *front) admit(l *line, entries []Entry) (got int) {
	for i := range entries {
		e := entries[i]
		if len(p.view.Entries) >= viewEntries {
			break
		}
		user := p.of[e.User]
		if !consumed(e.Class) {
			e.MaxDevices = user.most
		}
		if e.allowed(user.held + l.taken[e.User]) {
			l.taken[e.User] += int64(e.Devices)
			got++
		} else {
			l.blocked = true
			if p.told[e.User] {
				continue
			}
		}
		p.told[e.User] = true
		p.view.Entries = append(p.view.Entries, e)
	}
	l.got += got
	return got
}

// standing is what decides whether a user may have another device.
type standing struct {
	held int64 // devices now
	most int   // that they may hold; 0: any number
}

// standings are those of the users whom a view has met.
type standings map[string]standing

// learn reads the standings of those users of the entries that are not known yet.
func (s *Scheduler) learn(ctx context.Context, of standings, entries []Entry) error {
	var q store.Query
	var users []string
	for i := range entries {
		user := entries[i].User
		if _, known := of[user]; !known {
			of[user] = standing{}
			users = append(users, user)
			askStanding(&q, user)
		}
	}
	if len(users) == 0 {
		return nil
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	f := newFacts(q, a)
	for i, user := range users {
		of[user] = readStanding(f, user, a.Counters[i])
	}
	s.damage.tellRecords(&s.opts.Log, f)
	return nil
}

func askStanding(q *store.Query, user string) {
	q.Counters = append(q.Counters, keyHeld(user))
	q.Keys = append(q.Keys, keyLimits(user))
}

func readStanding(f *facts, user string, held int64) standing {
	limits, _ := orEmpty[Limits](f, keyLimits(user))
	return standing{held, limits.MaxDevices}
}
