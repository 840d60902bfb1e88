package scheduler

import (
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// quotaError says whose limit refuses a chunk.
type quotaError struct {
	user  string
	limit int
}

func (e *quotaError) Error() string {
	return fmt.Sprintf("%v: %s may have %d jobs waiting", ErrQuota, e.user, e.limit)
}

// Unwrap makes a quotaError an ErrQuota.
func (e *quotaError) Unwrap() error { return ErrQuota }

// limitQueued guards each user's limit of waiting jobs; where one user's parts
// say different limits, the lowest. A batch leaves room for what it has yet to
// commit: one that does not fit as a whole is refused with its first chunk.
func (d *draft) limitQueued(parts []*part) {
	type load struct{ jobs, later, limit int }
	loads := make(map[string]load, 1)
	for _, p := range parts {
		l := loads[p.who.User]
		l.jobs += p.to - p.from
		l.later += p.later()
		if most := p.who.MaxQueued; most > 0 && (l.limit == 0 || most < l.limit) {
			l.limit = most
		}
		loads[p.who.User] = l
	}
	for _, user := range sortedKeys(loads) {
		if l := loads[user]; l.limit > 0 {
			d.guardElse(store.AtMost(keyWaiting(user), int64(l.jobs), int64(l.limit-l.later)), &quotaError{user, l.limit})
		}
	}
}

// putJobs writes the chunk's jobs, like beside like, which a store can write
// at once. Counters are added up: it need not hear the same one five hundred times.
func (d *draft) putJobs(jobs []Job, c *chunk, f *facts) {
	total := place{counters: make(map[string]int64)}
	for i := range jobs {
		j := &jobs[i]
		d.effect(store.Put(keyJob(j.ID), encodeJob(j)), store.Put(keySpec(j.ID), c.spec(j.ID)))
		total.merge(placeOf(j))
	}
	d.listClasses(jobs)
	d.shift(place{}, total)
	for i := range jobs {
		d.effect(store.Append(keyEvents, encode(eventRecord{
			Job: jobs[i].ID, User: jobs[i].User, Kind: string(jobs[i].State), Text: jobs[i].awaitsText(), At: stamp(f.Now),
		}), KeptEvents))
	}
	d.effect(store.Notify(topicChanges, changeValue(&jobs[len(jobs)-1])))
	d.wakeFor(jobs, f.members(keyIdle), c.seen)
}

// listClasses makes sure that the classes of the queued jobs are listed.
func (d *draft) listClasses(jobs []Job) {
	var seen []string
	for i := range jobs {
		j := &jobs[i]
		if j.State == Queued && !j.Shared && !slices.Contains(seen, j.Class) {
			seen = append(seen, j.Class)
			d.effect(store.Index(keyClasses, []byte(j.Class)))
		}
	}
}

func (p *place) merge(other place) {
	p.members = append(p.members, other.members...)
	for key, n := range other.counters {
		p.counters[key] += n
	}
}

// wakeFor wakes idle hosts for a chunk as for one job that wants all its devices.
func (d *draft) wakeFor(jobs []Job, idle [][]byte, seen picture) {
	all := Job{State: Scheduled}
	same := true
	for i := range jobs {
		if j := &jobs[i]; j.State == Queued {
			same = same && (all.Class == "" || all.Class == j.Class)
			all.State, all.Class = Queued, j.Class
			all.Devices += j.Devices
		}
	}
	if n, err := ParseNeed(all.Class); same && err == nil && len(idle) > 1 {
		idle = seen.smallest(n, all.Devices, idle)
	}
	d.wake(&all, idle)
}
