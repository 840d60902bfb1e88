package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// checkedJobs is how many ids one check walks down; the next goes on below.
const checkedJobs = 4096

// checkJobs looks at jobs from their records' side: each stands where its
// state says. A few thousand ids at a time, from the highest down and round.
func (s *Scheduler) checkJobs(ctx context.Context, r *CheckReport) error {
	top, gaps, err := s.highestID(ctx)
	if err != nil {
		return err
	}
	from := JobID(s.checked.Load())
	if from <= 0 || from > top {
		from = top
	}
	for range checkedJobs / listStep {
		ids := idsDown(from, listStep, gaps)
		if len(ids) == 0 {
			from = 0
			break
		}
		jobs, err := s.readJobs(ctx, ids)
		if err != nil {
			return err
		}
		if err := s.checkPlaces(ctx, r, jobs); err != nil {
			return err
		}
		from = ids[len(ids)-1] - 1
	}
	s.checked.Store(int64(from))
	return nil
}

// checkPlaces counts the members that these jobs imply, all in one read, and
// looks closer where one is missing.
func (s *Scheduler) checkPlaces(ctx context.Context, r *CheckReport, jobs []Job) error {
	var q store.Query
	var of []JobID
	for i := range jobs {
		for _, m := range foundBy(&jobs[i]) {
			q.Counts = append(q.Counts, countOf(m))
			of = append(of, jobs[i].ID)
		}
	}
	r.Looked += len(q.Counts)
	if len(q.Counts) == 0 {
		return nil
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	for i, n := range a.Counts {
		if n == 0 {
			if err := s.putBack(ctx, r, of[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// foundBy are the members by which a job is found: those that follow from its record alone, and what
// lists their index: the class of its queue, or who runs it, which stay where others are in it.
func foundBy(j *Job) []member {
	members := slices.Clip(placeOf(j).members)
	switch {
	case j.State == Queued && !j.Shared:
		return append(members, member{keyClasses, []byte(j.Class)})
	case j.State.Active() && IsConsumer(j.Attempt().Host):
		return append(members, member{keyConsumers, consumerMember(j.User, j.Attempt().Host[len(consumerPrefix):])})
	case j.State.Active():
		return append(members, member{keyHosts, []byte(j.Attempt().Host)})
	}
	return members
}

// countOf asks whether one member is there.
func countOf(m member) store.Count {
	return store.Count{Index: m.index, From: m.value, To: append(slices.Clone(m.value), 0)}
}

// putBack lists a job again where its record says that it stands. Most that
// are found missing have only moved on since.
func (s *Scheduler) putBack(ctx context.Context, r *CheckReport, id JobID) error {
	before, err := s.Job(ctx, id)
	if err != nil {
		return ignoreMissing(err)
	}
	members := foundBy(&before)
	q := store.Query{Keys: []string{keyJob(id)}}
	for _, m := range members {
		q.Counts = append(q.Counts, countOf(m))
	}
	t := transition[bool]{name: "check", query: q}
	t.decide = func(f *facts) (p plan[bool], err error) {
		if f.record(keyJob(id)).Version != before.Version {
			return p, nil // the next check looks again
		}
		p.guard(store.At(keyJob(id), before.Version))
		for i, m := range members {
			if f.Counts[i] == 0 {
				p.effect(store.Index(m.index, m.value))
				p.value = true
			}
		}
		if p.value {
			p.enterQueue(&before)
		}
		return p, nil
	}
	missing, err := run(ctx, s, t)
	if err != nil || !missing {
		return err
	}
	return s.repaired(ctx, r, fmt.Sprintf("job %d is %s and was not listed", id, before.State))
}
