package scheduler

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// CheckReport says what a check found.
type CheckReport struct {
	Looked  int      // members, devices and counters looked at
	Repairs []string // in words; each is also counted in the store
}

// Check asserts that what the indexes, devices and counters say is what the
// jobs' records say, and repairs what is not, each repair guarded by the
// records that it rests on. It finds what a broken store or an older version
// left behind; on a healthy store it changes nothing but drops the names of
// empty classes and of hosts not seen for a week, and has pauses begin anew that a
// clock which was set back made too long.
func (s *Scheduler) Check(ctx context.Context) (CheckReport, error) {
	var r CheckReport
	var failed failures
	for _, step := range []func(context.Context, *CheckReport) error{
		s.checkQueues, s.checkTimed, s.checkAwaits, s.checkHosts, s.checkJobs, s.checkPauses,
	} {
		if failed.end(ctx, step(ctx, &r)) {
			break
		}
	}
	if err := failed.joined(); err != nil {
		return r, fmt.Errorf("check: %w", err)
	}
	return r, nil
}

// checkQueues looks at the waiting members of every class.
func (s *Scheduler) checkQueues(ctx context.Context, r *CheckReport) error {
	classes, err := s.listedClasses(ctx)
	if err != nil {
		return err
	}
	for _, class := range classes {
		if err := s.checkIndex(ctx, r, keyQueue(class), func(m []byte) JobID {
			e, err := parseEntry(class, m)
			if err != nil {
				return 0
			}
			return e.Job
		}); err != nil {
			return err
		}
		if err := s.dropEmptyClass(ctx, class); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) checkTimed(ctx context.Context, r *CheckReport) error {
	for _, index := range []string{keyScheduled, keyDeadlines, keyPurge} {
		if err := s.checkIndex(ctx, r, index, timedID); err != nil {
			return err
		}
	}
	return s.checkIndex(ctx, r, keyCallbacks, callbackID)
}

func (s *Scheduler) checkAwaits(ctx context.Context, r *CheckReport) error {
	return s.checkIndex(ctx, r, keyAwaits, awaitsID)
}

// checkPages bounds how much of one index a check looks at.
const checkPages = 40

// checkIndex looks at the members of one index, page by page.
func (s *Scheduler) checkIndex(ctx context.Context, r *CheckReport, index string, idOf func([]byte) JobID) error {
	var from []byte
	for range checkPages {
		a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, From: from, Limit: listStep}}})
		if err != nil {
			return err
		}
		members := a.Ranges[0]
		r.Looked += len(members)
		if err := s.checkMembers(ctx, r, index, members, idOf); err != nil {
			return err
		}
		if len(members) < listStep {
			return nil
		}
		from = append(slices.Clone(members[len(members)-1]), 0)
	}
	return nil
}

// checkMembers reads the jobs of a page once, and looks closer at those that
// do not belong where they stand.
func (s *Scheduler) checkMembers(ctx context.Context, r *CheckReport, index string, members [][]byte, idOf func([]byte) JobID) error {
	ids := make([]JobID, len(members))
	for i, m := range members {
		ids[i] = idOf(m)
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return err
	}
	fine := make(map[JobID]bool, len(jobs))
	for i := range jobs {
		p := placeOf(&jobs[i])
		for j, id := range ids {
			if id == jobs[i].ID && p.has(member{index, members[j]}) {
				fine[id] = true
			}
		}
	}
	for i, id := range ids {
		if fine[id] {
			continue
		}
		if err := s.removeStray(ctx, r, index, members[i], id); err != nil {
			return err
		}
	}
	return nil
}

// removeStray takes a member away that its job's record does not imply.
func (s *Scheduler) removeStray(ctx context.Context, r *CheckReport, index string, value []byte, id JobID) error {
	t := transition[bool]{name: "check", query: store.Query{
		Keys: []string{keyJob(id)}, Ranges: []store.Range{{Index: index, From: value, To: append(slices.Clone(value), 0), Limit: 1}},
	}}
	t.decide = func(f *facts) (p plan[bool], err error) {
		rec := f.record(keyJob(id))
		if members := f.members(index); len(members) == 0 || !bytes.Equal(members[0], value) {
			return p, nil // it went by itself
		}
		if rec.Version != 0 {
			job, err := f.job(id) // a damaged one belongs nowhere
			if err == nil && slices.ContainsFunc(placeOf(&job).members, func(m member) bool { return m.index == index && bytes.Equal(m.value, value) }) {
				return p, nil
			}
		}
		p.guard(store.At(keyJob(id), rec.Version))
		p.effect(store.Unindex(index, value))
		p.value = true
		return p, nil
	}
	removed, err := run(ctx, s, t)
	if err != nil || !removed {
		return err
	}
	return s.repaired(ctx, r, fmt.Sprintf("%s listed job %d, which does not belong there", index, id))
}

// repaired notes a repair. The count is for people: it may miss one where the answer is lost.
func (s *Scheduler) repaired(ctx context.Context, r *CheckReport, text string) error {
	r.Repairs = append(r.Repairs, text)
	s.tally.change(func(st *Stats) { st.Repaired++ })
	_, _, err := s.store.Allocate(ctx, keyRepairs, 1)
	return err
}

// dropEmptyClass strikes a class off the list once its index is empty. A
// submit that comes at the same moment lists it again in its own commit.
func (s *Scheduler) dropEmptyClass(ctx context.Context, class string) error {
	if class == classShared {
		return nil
	}
	t := transition[struct{}]{name: "check", decide: func(*facts) (p plan[struct{}], err error) {
		p.guardElse(store.Empty(keyQueue(class)), errInUse)
		p.effect(store.Unindex(keyClasses, []byte(class)))
		return p, nil
	}}
	_, err := run(ctx, s, t)
	return ignore(err, errInUse)
}
