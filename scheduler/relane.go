package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// relane takes those of a user's messages out of the queues of consumers that do not
// belong there any more, as their functions are registered now. They are scheduled,
// and from there go where they belong. It reports whether there were any.
func (s *Scheduler) relane(ctx context.Context, user string, list []Function) (moved bool, err error) {
	classes, err := s.consumedClasses(ctx, user, loopBatch)
	if err != nil {
		return false, fmt.Errorf("relane: %w", err)
	}
	for _, entries := range classes {
		for i := range entries {
			id := entries[i].Job
			left, err := s.unseat(ctx, id, list)
			if err != nil {
				return moved, err
			}
			if !left {
				continue
			}
			moved = true
			if err := s.enter(ctx, id); err != nil {
				return moved, err
			}
		}
	}
	return moved, nil
}

// unseat schedules a queued message that is in another class than its functions make of it.
func (s *Scheduler) unseat(ctx context.Context, id JobID, list []Function) (bool, error) {
	t := transition[bool]{name: "relane", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[bool], err error) {
		job, err := f.job(id)
		if err != nil || job.State != Queued || !job.Message {
			return p, ignoreMissing(err)
		}
		seated := job.next()
		if refused := seated.seat(list); refused == nil && seated.Class == job.Class && len(seated.Awaits) == 0 {
			return p, nil
		}
		after := job.next()
		after.State, after.NotBefore = Scheduled, f.Now
		p.change(&job, &after)
		p.value = true
		return p, nil
	}
	return run(ctx, s, t)
}

// sharedLooked is how many entries of the index that several classes share are looked
// through for messages of consumers: as many as a view looks at behind users at their limits.
const sharedLooked = 32 * viewShared

// consumedClasses gives the first waiting messages for the consumers of a user ("": of
// all), by class, at most so many of each.
func (s *Scheduler) consumedClasses(ctx context.Context, user string, most int) (map[string][]Entry, error) {
	classes, err := s.listedClasses(ctx)
	if err != nil {
		return nil, err
	}
	var q store.Query
	for _, class := range classes {
		if of := consumerOf(class); class == classShared || of != "" && (user == "" || of == user) {
			q.Ranges = append(q.Ranges, store.Range{Index: keyQueue(class), Limit: most})
		}
		if class == classShared { // in which those of consumers stand behind others
			q.Ranges[len(q.Ranges)-1].Limit = sharedLooked
		}
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]Entry)
	for i, r := range q.Ranges {
		class := r.Index[len(keyQueue("")):]
		for _, m := range a.Ranges[i] {
			e, err := parseEntry(class, m)
			if err != nil { // of no job of ours: Check removes it
				continue
			}
			if of := consumerOf(e.Class); of != "" && (user == "" || of == user) && len(found[e.Class]) < most {
				found[e.Class] = append(found[e.Class], e)
			}
		}
	}
	return found, nil
}

// Waiting is a kind of messages for consumers of which some wait.
type Waiting struct {
	User      string
	Functions []string // that a consumer must have; none: all that are registered
}

// ConsumedWaiting lists which messages for consumers wait, each kind once.
func (s *Scheduler) ConsumedWaiting(ctx context.Context) ([]Waiting, error) {
	classes, err := s.consumedClasses(ctx, "", 1)
	if err != nil {
		return nil, fmt.Errorf("messages that wait: %w", err)
	}
	var all []Waiting
	for _, class := range sortedKeys(classes) {
		if n, err := ParseNeed(class); err == nil {
			all = append(all, Waiting{n.Consumer, n.Functions})
		}
	}
	return all, nil
}
