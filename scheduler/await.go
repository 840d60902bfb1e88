package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Await gives a message's lease back because functions that it needs are not
// registered any more. It costs the job nothing, and no host is avoided: a server
// looks at what is registered at once, and queues the message or has it wait.
func (s *Scheduler) Await(ctx context.Context, ref LeaseRef, missing []string) error {
	t := transition[struct{}]{name: "await", freeing: true, patient: true, query: endQuery(ref.Job)}
	t.decide = func(f *facts) (plan[struct{}], error) { return decideAwait(f, ref, missing, s.opts.Timing) }
	_, err := run(ctx, s, t)
	return err
}

func decideAwait(f *facts, ref LeaseRef, missing []string, t Timing) (p plan[struct{}], err error) {
	job, err := f.job(ref.Job)
	if err != nil {
		return p, err
	}
	if job.ended(ref.Fence, OutcomeReleased) {
		return p, nil
	}
	if _, err := job.leaseOf(ref.Fence); err != nil {
		return p, err
	}
	if !job.Message { // of a store from before jobs knew what they are
		return decideRelease(f, ref, AwaitsInWords(missing), t)
	}
	if err := job.checkMissing(missing); err != nil {
		return p, err
	}
	after := job.next()
	after.await(missing, f)
	p.change(&job, &after)
	p.freeDevices(after.Attempt())
	p.tell(&after, endKind(&after, "released"), AwaitsInWords(missing), f.Now)
	return p, nil
}

// checkMissing: a message can lack only what it is for.
func (j *Job) checkMissing(missing []string) error {
	for _, name := range missing {
		if j.Functions != nil && !slices.Contains(j.Functions, name) || j.Functions == nil && name != AnyFunction {
			return &FieldError{"awaits", fmt.Sprintf("job %d is not for this function", j.ID)}
		}
	}
	if len(missing) == 0 {
		return &FieldError{"awaits", "names no function"}
	}
	return nil
}

// await ends the attempt for want of functions.
func (j *Job) await(missing []string, f *facts) {
	j.endAttempt(OutcomeReleased, AwaitsInWords(missing), f.Now)
	if j.cancelled() {
		j.cancel(f.Now)
		return
	}
	j.clearRevoke()
	j.State, j.NotBefore, j.Awaits = Scheduled, f.Now, missing
}

// awaitsText is what a job that waits for functions says of it.
func (j *Job) awaitsText() string {
	if j.State != Scheduled || len(j.Awaits) == 0 {
		return ""
	}
	return AwaitsInWords(j.Awaits)
}

// guardFunctions: that jobs wait, or do not, holds only while the same is registered.
// Whoever registers more finds those that wait by then.
func (d *draft) guardFunctions(jobs []Job, f *facts) {
	seen := make(map[string]bool)
	for i := range jobs {
		if key := keyFunctions(jobs[i].User); jobs[i].Message && !seen[key] {
			seen[key] = true
			d.guard(store.At(key, f.record(key).Version))
		}
	}
}

// admit moves messages that wait for what a user has registered, some of each
// function, and strikes the user off once none is left.
func (s *Scheduler) admit(ctx context.Context, user string) error {
	list, version, err := s.registered(ctx, user)
	if err != nil {
		return err
	}
	moved, err := s.relane(ctx, user, list)
	if err != nil {
		return err
	}
	a, err := s.store.Read(ctx, awaiting(user, list))
	if err != nil {
		return fmt.Errorf("admit: %w", err)
	}
	members := slices.Concat(a.Ranges...)
	for _, m := range members {
		if err := s.enter(ctx, awaitsID(m)); err != nil {
			return err
		}
	}
	if len(members) > 0 || moved {
		return nil
	}
	t := transition[struct{}]{name: "admit", freeing: true, decide: func(*facts) (p plan[struct{}], err error) {
		p.guardElse(store.At(keyFunctions(user), version), errInUse)
		p.effect(store.Unindex(keyRegistered, []byte(user)))
		return p, nil
	}}
	_, err = run(ctx, s, t)
	return ignore(err, errInUse)
}

// registered are a user's functions: none where their list is damaged, so that messages wait until
// they are registered again.
func (s *Scheduler) registered(ctx context.Context, user string) ([]Function, uint64, error) {
	list, version, err := readFunctions(ctx, s.store, user)
	if errors.Is(err, ErrDamaged) {
		s.damage.tell(&s.opts.Log, keyFunctions(user), version)
		return nil, version, nil
	}
	return list, version, err
}

// awaiting reads the messages that wait for a function of the list, or for any.
func awaiting(user string, list []Function) (q store.Query) {
	if len(list) == 0 {
		return q
	}
	for _, name := range append([]string{AnyFunction}, namesOf(list)...) {
		from := awaitsMember(user, name, 0)
		to := append(slices.Clone(from[:len(from)-9]), 1)
		q.Ranges = append(q.Ranges, store.Range{Index: keyAwaits, From: from, To: to, Limit: loopBatch})
	}
	return q
}

func namesOf(list []Function) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names
}

// errMoved: what a transition was prepared for is not so any more.
var errMoved = errors.New("it has changed since")

// enter queues a scheduled message whose functions are registered by now, in the
// class that they make of it, or has it wait for those that are not.
func (s *Scheduler) enter(ctx context.Context, id JobID) error {
	for range maxConflicts {
		job, err := s.Job(ctx, id)
		if err != nil || job.State != Scheduled || !job.Message {
			return ignoreMissing(err)
		}
		list, version, err := s.registered(ctx, job.User)
		if err != nil {
			return err
		}
		if err = s.tryEnter(ctx, &job, list, version); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("promote: %w", ErrConflictRepeat)
}

// enterSoon is enter at once; the loops do what fails.
func (s *Scheduler) enterSoon(ctx context.Context, id JobID) {
	if err := s.enter(ctx, id); err != nil {
		s.opts.Log.Warn().Err(err).Int64("job", int64(id)).Msg("a message is queued later")
	}
}

// tryEnter decides on the job and the functions as they were read, whose class says
// where in the queue it would stand.
func (s *Scheduler) tryEnter(ctx context.Context, job *Job, list []Function, version uint64) error {
	seated := job.next()
	refused := seated.seat(list)
	shared, err := s.sharesIndex(ctx, seated.Class)
	if err != nil {
		return err
	}
	seated.Shared = shared
	place, own := headRange(&seated), keyQueued(seated.Class, seated.User)
	q := endQuery(job.ID)
	q.Keys, q.Ranges, q.Counters = append(q.Keys, keyFunctions(job.User)), append(q.Ranges, place), []string{own}
	t := transition[State]{name: "promote", freeing: true, query: q}
	t.decide = func(f *facts) (p plan[State], err error) {
		if f.record(keyJob(job.ID)).Version != job.Version || f.record(keyFunctions(job.User)).Version != version {
			return p, errMoved
		}
		p.value = p.enter(job, seated, headRank(f.Ranges[len(f.Ranges)-1])+uint64(max(f.counter(own), 0)), refused, f)
		return p, nil
	}
	return s.promoted(ctx, t)
}

// seat gives a message the class that its functions make of it, and what it waits for.
func (j *Job) seat(list []Function) error {
	asked, err := ParseNeed(cmp.Or(j.Asked, j.Class))
	if err != nil {
		return err
	}
	l, err := laneOf(j.User, asked, j.Functions, list)
	j.take(l, asked)
	return err
}

// take gives a message its place: a class, and what it waits for. What its request
// asks of a host is kept where the class does not say it.
func (j *Job) take(l lane, asked Need) {
	j.Class, j.Devices, j.Awaits, j.Asked = l.need.String(), l.need.Slots(), l.awaits, ""
	if consumed(j.Class) {
		j.Asked = asked.String()
	}
}

// enter writes what became of a message that waited; the rank is its place in the
// order of a class that it was not in before.
func (d *draft) enter(job *Job, after Job, rank uint64, refused error, f *facts) State {
	if after.Class != job.Class || len(job.Awaits) > 0 {
		after.Rank = rank
	}
	switch after.promote(f); {
	case refused != nil:
		after.fail(ReasonRejected, refused.Error(), f.Now)
	case after.State == job.State && after.NotBefore.Equal(job.NotBefore) && slices.Equal(after.Awaits, job.Awaits):
		return ""
	}
	d.guard(store.At(keyFunctions(job.User), f.record(keyFunctions(job.User)).Version))
	d.change(job, &after)
	if after.State == job.State {
		if text := after.awaitsText(); text != "" {
			d.tell(&after, string(Scheduled), text, f.Now)
		}
		return ""
	}
	d.tell(&after, string(after.State), after.Detail, f.Now)
	d.wake(&after, f.members(keyIdle))
	return after.State
}
