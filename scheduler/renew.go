package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// maxActive bounds the active jobs of one host.
const maxActive = 1024

// Renew is the agent's heartbeat: it keeps all its leases alive, and answers
// for each what to do with it. refs must name every lease that the agent
// still works on, those whose Finish is not answered yet included: a lease
// that is not named for Timing.Believe after its claim is ended, because the
// answer of its claim was lost.
func (s *Scheduler) Renew(ctx context.Context, host string, epoch uint64, refs []LeaseRef) (Renewed, error) {
	return s.RenewNumbered(ctx, host, epoch, refs, 0)
}

// RenewNumbered is Renew with the number of the sending, which grows with each:
// one that was overtaken on its way by a younger one is refused with
// ErrConflictRepeat, because it names the leases of an earlier time. 0: it
// cannot be overtaken.
func (s *Scheduler) RenewNumbered(ctx context.Context, host string, epoch uint64, refs []LeaseRef, number uint64) (Renewed, error) {
	t := transition[renewal]{name: "renew", freeing: true, patient: true, query: renewQuery(host, refs)}
	t.decide = func(f *facts) (plan[renewal], error) { return decideRenew(f, host, epoch, refs, number, s.opts.Timing) }
	r, err := run(ctx, s, t)
	if err != nil {
		return Renewed{}, err
	}
	for _, id := range r.unnamed {
		if err := s.disown(ctx, id, host, epoch); err != nil {
			return Renewed{}, err
		}
	}
	return r.Renewed, nil
}

type renewal struct {
	Renewed
	unnamed []JobID // active on this host, not among the refs
}

func renewQuery(host string, refs []LeaseRef) store.Query {
	q := store.Query{
		Keys:   []string{keyAgent(host), keyBeat(host)},
		Ranges: []store.Range{{Index: keyActive(host), Limit: maxActive}},
	}
	for _, ref := range refs {
		q.Keys = append(q.Keys, keyJob(ref.Job))
	}
	return q
}

func decideRenew(f *facts, host string, epoch uint64, refs []LeaseRef, number uint64, t Timing) (p plan[renewal], err error) {
	if err := p.guardAgent(f, host, epoch); err != nil {
		return p, err
	}
	if err := wasForgotten(f, host); err != nil {
		return p, err
	}
	last, _ := orEmpty[beatRecord](f, keyBeat(host))
	if number != 0 && number < last.Number {
		return p, fmt.Errorf("%w: renewal %d was overtaken by %d", ErrConflictRepeat, number, last.Number)
	}
	// Guarded as it was read: a heartbeat that was long on its way must not
	// undo a younger one, whose answer an agent already lives by.
	p.guard(store.At(keyBeat(host), f.record(keyBeat(host)).Version))
	p.effect(store.Put(keyBeat(host), encode(beatRecord{Epoch: epoch, At: stamp(f.Now), Number: max(number, last.Number)})))
	p.value.Now = f.Now
	for _, ref := range refs {
		p.value.Answers = append(p.value.Answers, answerFor(f, ref, host, epoch))
	}
	for _, m := range f.members(keyActive(host)) {
		id := memberID(m)
		if !slices.ContainsFunc(refs, func(r LeaseRef) bool { return r.Job == id }) {
			p.value.unnamed = append(p.value.unnamed, id)
		}
	}
	return p, nil
}

// answerFor says what is to become of one lease.
func answerFor(f *facts, ref LeaseRef, host string, epoch uint64) RenewAnswer {
	gone := RenewAnswer{Ref: ref, Gone: true}
	job, err := f.job(ref.Job)
	switch {
	case errors.Is(err, ErrDamaged):
		gone.Why = err.Error()
		return gone
	case err != nil:
		gone.Why = "the store does not know the job any more"
		return gone
	}
	a, err := job.leaseOf(ref.Fence)
	switch {
	case err != nil:
		gone.Why = err.Error()
		return gone
	case a.Host != host || a.Epoch != epoch:
		gone.Why = fmt.Sprintf("the lease is of %s, process %d", a.Host, a.Epoch)
		return gone
	}
	return RenewAnswer{Ref: ref, Cancel: job.CancelRequested, Why: job.CancelBy, Then: job.CancelThen}
}

// disown ends a lease that its own agent does not know.
func (s *Scheduler) disown(ctx context.Context, id JobID, host string, epoch uint64) error {
	t := transition[struct{}]{name: "disown", freeing: true, patient: true, query: endQuery(id)}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		job, err := f.job(id)
		if err != nil || !job.State.Active() {
			return p, ignoreMissing(err)
		}
		a := job.Attempt()
		if a.Host == host && a.Epoch == epoch && f.Now.Sub(a.Claimed) >= s.opts.Timing.Believe {
			p.lose(&job, "its agent does not run it", f)
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

// lose drafts the end of a lease whose agent is gone.
func (d *draft) lose(before *Job, cause string, f *facts) State {
	after := before.next()
	after.lose(cause, f.Now)
	d.change(before, &after)
	d.freeDevices(after.Attempt())
	d.tell(&after, endKind(&after, "lost"), cause, f.Now)
	d.effect(store.Notify(topicWake(after.Attempt().Host), []byte(wakeLease)))
	d.wake(&after, f.members(keyIdle))
	return after.State
}

// silence is how long ago a time was, for people.
func silence(now, at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return now.Sub(at).Round(time.Second).String() + " ago"
}
