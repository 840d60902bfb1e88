package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Usage is what was used since a time: the sums by user, host and device.
type Usage struct {
	Since, Until time.Time // Since is the begin of a day in UTC
	Users, Hosts map[string]Used
	Devices      []DeviceUsage
}

// DeviceUsage is what was used of one device.
type DeviceUsage struct {
	Host, UUID string
	Used
}

// unfoldedMost is how many entries of an hour's log a reader takes; they are
// folded every minute.
const unfoldedMost = 1 << 17

// Usage adds up what was used from the day of since on, to the present: the days,
// what is not folded into them yet, and what runs. It is exact: where a fold
// came between its reads it begins anew.
func (s *Scheduler) Usage(ctx context.Context, since time.Time) (Usage, error) {
	for range maxConflicts {
		u, ok, err := s.usage(ctx, since)
		if err != nil {
			return u, fmt.Errorf("usage: %w", err)
		}
		if ok {
			return u, nil
		}
	}
	return Usage{}, fmt.Errorf("usage: %w", ErrConflictRepeat)
}

func (s *Scheduler) usage(ctx context.Context, since time.Time) (u Usage, ok bool, err error) {
	done, version, now, err := s.readDone(ctx)
	if err != nil {
		return u, false, err
	}
	first := max(dayOf(since), dayOf(now)-usageDays)
	running, err := s.Leases(ctx) // before the logs: what ends meanwhile is found there
	if err != nil {
		return u, false, err
	}
	days := map[int64]usageDay{first: newUsageDay()}
	if now, err = s.readUnfolded(ctx, done, now, running, days, first); err != nil {
		return u, false, err
	}
	if err := s.readDays(ctx, days, first, dayOf(now)); err != nil {
		return u, false, err
	}
	_, again, _, err := s.readDone(ctx)
	return sumUp(days, first, now), again == version, err
}

// readUnfolded adds what has ended but is in no day yet, and what runs.
func (s *Scheduler) readUnfolded(
	ctx context.Context, done usageDone, now time.Time, running []Lease, days map[int64]usageDay, first int64,
) (time.Time, error) {
	a, err := s.store.Read(ctx, done.logs(now, unfoldedMost))
	if err != nil {
		return now, err
	}
	type attempt struct {
		job JobID
		n   int
	}
	ended := make(map[attempt]bool)
	for i, entries := range a.Logs {
		for _, e := range entries {
			u, err := decodeUsed(e, done.Hour+int64(i))
			if err != nil { // the fold tells of it
				continue
			}
			ended[attempt{u.Job, u.Attempt}] = true
			u.spread(days, first)
		}
	}
	for _, l := range running {
		if !ended[attempt{l.Job, l.Attempt}] {
			u := used{User: l.User, Host: l.Host, Devices: counted(l.Host, l.Devices), From: stamp(l.Since), To: stamp(a.Now)}
			u.spread(days, first)
		}
	}
	return a.Now, nil
}

func (s *Scheduler) readDays(ctx context.Context, days map[int64]usageDay, first, last int64) error {
	var q store.Query
	for day := first; day <= last; day++ {
		q.Keys = append(q.Keys, keyUsageDay(day))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	f := newFacts(q, a)
	for day := first; day <= last; day++ {
		sum, _ := orEmpty[usageDay](f, keyUsageDay(day))
		days[first].merge(sum)
	}
	s.damage.tellRecords(&s.opts.Log, f)
	return nil
}

func sumUp(days map[int64]usageDay, first int64, now time.Time) Usage {
	all := newUsageDay()
	for _, d := range days {
		all.merge(d)
	}
	u := Usage{Since: dayStart(first), Until: now, Users: all.Users, Hosts: all.Hosts}
	for _, key := range sortedKeys(all.Devices) {
		host, uuid, _ := strings.Cut(key, " ")
		u.Devices = append(u.Devices, DeviceUsage{host, uuid, all.Devices[key]})
	}
	return u
}
