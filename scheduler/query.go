package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Job reads one job.
func (s *Scheduler) Job(ctx context.Context, id JobID) (Job, error) {
	jobs, damaged, err := s.readAllJobs(ctx, []JobID{id})
	switch {
	case err != nil:
		return Job{}, err
	case len(damaged) > 0:
		return Job{}, damaged[0]
	case len(jobs) == 0:
		return Job{}, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return jobs[0], nil
}

// readJobs reads those of the jobs that exist, in the order asked for. It leaves those out whose
// records are damaged, and tells the log.
func (s *Scheduler) readJobs(ctx context.Context, ids []JobID) ([]Job, error) {
	jobs, damaged, err := s.readAllJobs(ctx, ids)
	s.damage.tellJobs(&s.opts.Log, damaged)
	return jobs, err
}

func (s *Scheduler) readAllJobs(ctx context.Context, ids []JobID) (jobs []Job, damaged []*DamagedError, err error) {
	q := store.Query{Keys: make([]string, len(ids))}
	for i, id := range ids {
		q.Keys[i] = keyJob(id)
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, nil, fmt.Errorf("read jobs: %w", err)
	}
	jobs = make([]Job, 0, len(ids))
	for i, r := range a.Records {
		if r.Version == 0 {
			continue
		}
		j, err := decodeJob(ids[i], r.Version, r.Value)
		if why, is := errors.AsType[*DamagedError](err); is {
			damaged = append(damaged, why)
			continue
		}
		jobs = append(jobs, j)
	}
	return jobs, damaged, nil
}

// Spec reads what a job runs.
func (s *Scheduler) Spec(ctx context.Context, id JobID) (Spec, error) {
	r, err := s.readRecord(ctx, keySpec(id))
	if err != nil {
		return Spec{}, fmt.Errorf("spec of job %d: %w", id, err)
	}
	return decodeSpec(id, r)
}

// JobWithResult reads a job and the envelope of its result, nil where the
// store has none.
func (s *Scheduler) JobWithResult(ctx context.Context, id JobID) (Job, []byte, error) {
	a, err := s.store.Read(ctx, store.Query{Keys: []string{keyJob(id), keyResult(id)}})
	if err != nil {
		return Job{}, nil, fmt.Errorf("job %d: %w", id, err)
	}
	if a.Records[0].Version == 0 {
		return Job{}, nil, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	j, err := decodeJob(id, a.Records[0].Version, a.Records[0].Value)
	return j, a.Records[1].Value, err
}

func (s *Scheduler) readRecord(ctx context.Context, key string) ([]byte, error) {
	a, err := s.store.Read(ctx, store.Query{Keys: []string{key}})
	if err != nil {
		return nil, err
	}
	if a.Records[0].Version == 0 {
		return nil, ErrNotFound
	}
	return a.Records[0].Value, nil
}

// Bounds of a list.
const (
	defaultList = 100
	maxList     = 1000
	listStep    = 256   // records in one read
	maxWalk     = 8_192 // records that one call looks at
)

// Jobs lists jobs from the highest id down. next is the cursor (Filter.Before)
// of the following page; 0: there is none. A page may be short, or empty, and
// still have a next: a call looks at a bounded number of jobs.
func (s *Scheduler) Jobs(ctx context.Context, f Filter) (jobs []Job, next JobID, err error) {
	limit := min(max(f.Limit, 0), maxList)
	if limit == 0 {
		limit = defaultList
	}
	top, gaps, err := s.highestID(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list jobs: %w", err)
	}
	from := top
	if f.Before > 0 {
		from = min(top, f.Before-1)
	}
	for walked := 0; from > 0 && walked < maxWalk; walked += listStep {
		ids := idsDown(from, listStep, gaps)
		if len(ids) == 0 {
			return jobs, 0, nil
		}
		page, err := s.readJobs(ctx, ids)
		if err != nil {
			return nil, 0, err
		}
		for i := range page {
			if f.matches(&page[i]) {
				jobs = append(jobs, page[i])
			}
			if len(jobs) == limit {
				return jobs, page[i].ID, nil
			}
		}
		from = ids[len(ids)-1] - 1
	}
	if from <= 0 {
		return jobs, 0, nil
	}
	return jobs, from + 1, nil
}

func (f *Filter) matches(j *Job) bool {
	return (f.User == "" || f.User == j.User) && (f.Name == "" || f.Name == j.Name) &&
		(len(f.States) == 0 || slices.Contains(f.States, j.State)) &&
		(len(f.Reasons) == 0 || slices.Contains(f.Reasons, j.Reason))
}

// JobCount counts the jobs in each state, all at one moment, but for whether an active one
// runs already.
func (s *Scheduler) JobCount(ctx context.Context) (map[State]int64, error) {
	classes, err := s.listedClasses(ctx)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	hosts, err := s.holders(ctx)
	if err != nil {
		return nil, err
	}
	for {
		a, err := s.store.Read(ctx, countQuery(classes, hosts))
		if err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		active, lists := a.Ranges[:len(hosts)], a.Ranges[len(hosts):]
		known, held := classesOf(lists[0]), holdersOf(lists[1], lists[2])
		if !containsAll(classes, known) || !containsAll(hosts, held) { // what is in a new one was not counted
			classes, hosts = known, held
			continue
		}
		n := map[State]int64{
			Succeeded: a.Counters[0], Failed: a.Counters[1], Cancelled: a.Counters[2], Scheduled: a.Counters[3],
		}
		for _, c := range a.Counts {
			n[Queued] += c
		}
		return n, s.countActive(ctx, active, n)
	}
}

// countQuery asks for what these classes and hosts have, and which there are at that moment.
func countQuery(classes, hosts []string) store.Query {
	q := store.Query{Counters: []string{keyEnded(Succeeded), keyEnded(Failed), keyEnded(Cancelled), keyScheduledJobs}}
	for _, class := range classes {
		q.Counts = append(q.Counts, store.Count{Index: keyQueue(class)})
	}
	for _, host := range hosts {
		q.Ranges = append(q.Ranges, store.Range{Index: keyActive(host), Limit: maxActive})
	}
	q.Ranges = append(q.Ranges, store.Range{Index: keyClasses, Limit: maxListed})
	q.Ranges = append(q.Ranges, holderRanges...)
	return q
}

func containsAll(all, some []string) bool {
	have := make(map[string]bool, len(all))
	for _, name := range all {
		have[name] = true
	}
	return !slices.ContainsFunc(some, func(name string) bool { return !have[name] })
}

// countActive tells leased from running, for which it reads the active jobs. One that is
// not active any more ran when the others were counted: it is in no other count.
func (s *Scheduler) countActive(ctx context.Context, ranges [][][]byte, n map[State]int64) error {
	var ids []JobID
	for _, members := range ranges {
		for _, m := range members {
			ids = append(ids, memberID(m))
		}
	}
	n[Leased], n[Running] = 0, 0
	jobs, err := s.readJobs(ctx, ids)
	for i := range jobs {
		state := jobs[i].State
		if !state.Active() {
			state = Running
		}
		n[state]++
	}
	return err
}

// listedClasses gives the classes that may have waiting jobs, the shared index included.
func (s *Scheduler) listedClasses(ctx context.Context) ([]string, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyClasses, Limit: maxListed}}})
	if err != nil {
		return nil, err
	}
	return classesOf(a.Ranges[0]), nil
}

func classesOf(members [][]byte) []string {
	out := make([]string, 0, len(members)+1)
	for _, m := range members {
		out = append(out, string(m))
	}
	return append(out, classShared)
}

// Events reads up to limit events after the given one, of all jobs, oldest first.
// ErrLogCut: the store has lost that event.
func (s *Scheduler) Events(ctx context.Context, after store.EntryID, limit int) ([]Event, error) {
	a, err := s.store.Read(ctx, store.Query{Logs: []store.LogRange{{Log: keyEvents, After: after, Limit: limit}}})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if a.Revision < after.Revision {
		return nil, fmt.Errorf("read events: %w", ErrLogCut)
	}
	events := make([]Event, len(a.Logs[0]))
	for i, entry := range a.Logs[0] {
		if events[i], err = decodeEvent(entry); err != nil { // it keeps nobody from those behind it
			events[i] = Event{ID: entry.ID, Kind: EventDamaged, Text: "an event that the store has damaged stood here"}
			s.damage.tellEntry(&s.opts.Log, keyEvents, entry)
		}
	}
	return events, nil
}

// Ready reports why this store cannot be worked on now: it does not answer,
// or it was not adopted yet.
func (s *Scheduler) Ready(ctx context.Context) error {
	q := store.Query{Keys: []string{keyEpoch}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	if _, err := newFacts(q, a).epoch(); err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	return nil
}
