package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	// usageDays is how long days of usage are kept.
	usageDays = 400
	// usageLate is how long after an hour's end an attempt of it may still be
	// written: no longer than a lease can go unrenewed, by far.
	usageLate = time.Hour
	// usageBack is how far the first fold looks back: further than attempts can
	// have been noted without a server that folds.
	usageBack = 48
	foldStep  = 2000 // entries that one commit folds
	foldHours = 48   // logs that one commit looks at
)

// usageDone says how far the logs are folded into the days.
type usageDone struct {
	Hour int64               `json:"h"` // logs of earlier hours are folded and gone
	At   map[int64][2]uint64 `json:"a"` // of this hour and later ones: the last entry folded
}

func (u usageDone) after(hour int64) store.EntryID {
	at := u.At[hour]
	return store.EntryID{Revision: at[0], Seq: uint32(at[1])}
}

// logs asks for what is not folded yet, of the open hours up to now.
func (u usageDone) logs(now time.Time, limit int) (q store.Query) {
	for hour := u.Hour; hour <= min(hourOf(now), u.Hour+foldHours-1); hour++ {
		q.Logs = append(q.Logs, store.LogRange{Log: keyUsageLog(hour), After: u.after(hour), Limit: limit})
	}
	return q
}

// readDone reads how far the logs are folded; where they never were, or that is damaged, from some
// hours ago.
func (s *Scheduler) readDone(ctx context.Context) (done usageDone, version uint64, now time.Time, err error) {
	q := store.Query{Keys: []string{keyUsageDone}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return done, 0, now, err
	}
	f := newFacts(q, a)
	done, version = orEmpty[usageDone](f, keyUsageDone)
	s.damage.tellRecords(&s.opts.Log, f)
	if done.Hour == 0 {
		done.Hour = hourOf(a.Now) - usageBack + 1
	}
	return done, version, a.Now, nil
}

// FoldUsage moves what attempts used from the logs of their hours into the days,
// exactly once: each commit rests on how far the last one came. Several servers may
// do it at once.
func (s *Scheduler) FoldUsage(ctx context.Context) error {
	for more := true; more; {
		var err error
		more, err = s.foldSome(ctx)
		if errors.Is(err, errFolded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fold usage: %w", err)
		}
	}
	return nil
}

// errFolded: another server was faster, and goes on.
var errFolded = errors.New("folded elsewhere")

// foldSome makes one commit; more: there is more to be folded.
func (s *Scheduler) foldSome(ctx context.Context) (more bool, err error) {
	done, version, now, err := s.readDone(ctx)
	if err != nil {
		return false, err
	}
	a, err := s.store.Read(ctx, done.logs(now, foldStep))
	if err != nil {
		return false, err
	}
	f := folding{done: usageDone{done.Hour, maps.Clone(done.At)}, days: make(map[int64]usageDay)}
	f.take(a.Logs)
	for hour, e := range f.damaged {
		s.damage.tellEntry(&s.opts.Log, keyUsageLog(hour), e)
	}
	closed := f.close(now)
	if f.entries == 0 && closed == 0 {
		return false, nil
	}
	return f.full || closed == foldHours, s.commitFold(ctx, &f, version, now)
}

// folding is one step.
type folding struct {
	done    usageDone
	days    map[int64]usageDay // what comes to each
	entries int
	full    bool                  // more entries are there
	damaged map[int64]store.Entry // by hour, the last one that is left out
	drop    []int64
}

// take adds up entries, up to a step's number.
func (f *folding) take(logs [][]store.Entry) {
	for i, entries := range logs {
		hour := f.done.Hour + int64(i)
		for _, e := range entries {
			if f.entries == foldStep {
				f.full = true
				return
			}
			if u, err := decodeUsed(e, hour); err == nil {
				u.spread(f.days, 0)
			} else {
				f.leaveOut(hour, e)
			}
			f.entries++
			f.mark(hour, e.ID)
		}
		f.full = f.full || len(entries) == foldStep
	}
}

func (f *folding) leaveOut(hour int64, e store.Entry) {
	if f.damaged == nil {
		f.damaged = make(map[int64]store.Entry)
	}
	f.damaged[hour] = e
}

func (f *folding) mark(hour int64, id store.EntryID) {
	if f.done.At == nil {
		f.done.At = make(map[int64][2]uint64)
	}
	f.done.At[hour] = [2]uint64{id.Revision, uint64(id.Seq)}
}

// close gives up the logs of hours in which nothing can be noted any more.
func (f *folding) close(now time.Time) (n int) {
	if f.full {
		return 0
	}
	for ; n < foldHours && time.Unix((f.done.Hour+1)*3600, 0).Add(usageLate).Before(now); n++ {
		f.drop = append(f.drop, f.done.Hour)
		delete(f.done.At, f.done.Hour)
		f.done.Hour++
	}
	return n
}

func (s *Scheduler) commitFold(ctx context.Context, f *folding, version uint64, now time.Time) error {
	days := slices.Sorted(maps.Keys(f.days))
	q := store.Query{Keys: []string{keyUsageDone}}
	for _, day := range days {
		q.Keys = append(q.Keys, keyUsageDay(day))
	}
	t := transition[struct{}]{name: "usage", freeing: true, query: q}
	t.decide = func(facts *facts) (p plan[struct{}], err error) {
		if facts.record(keyUsageDone).Version != version {
			return p, errFolded
		}
		p.guardElse(store.At(keyUsageDone, version), errFolded)
		p.effect(store.Put(keyUsageDone, encode(f.done)))
		for _, day := range days {
			sum := newUsageDay()
			before, _ := orEmpty[usageDay](facts, keyUsageDay(day))
			sum.merge(before)
			sum.merge(f.days[day])
			p.effect(store.Put(keyUsageDay(day), encode(sum)))
		}
		for _, hour := range f.drop {
			p.effect(store.DropLog(keyUsageLog(hour)), store.Delete(keyUsageDay(hour/24-usageDays)))
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

func (d usageDay) merge(other usageDay) {
	for user, u := range other.Users {
		addTo(d.Users, user, u)
	}
	for device, u := range other.Devices {
		addTo(d.Devices, device, u)
	}
	for host, u := range other.Hosts {
		addTo(d.Hosts, host, u)
	}
}
