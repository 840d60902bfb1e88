package history_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// agent is one agent process. It does all that an agent can do, in any order,
// and also what only a late one would: what it may not do must be refused.
type agent struct {
	client
	host    int
	epoch   uint64
	claims  int
	leases  []lease
	over    []lease // that it had
	ended   map[scheduler.JobID]bool
	healthy bool
}

type lease struct {
	ref     scheduler.LeaseRef
	started bool
}

func (a *agent) live() {
	a.ended = make(map[scheduler.JobID]bool)
	a.join()
	for range steps {
		id, some := a.any()
		for range 4 {
			if a.ended[id] {
				id, _ = a.any() // now and then it asks for one that has ended
			}
		}
		switch n := a.IntN(20); {
		case !some:
			a.renew()
		case n < 6:
			a.claim(id, 1+a.IntN(devices))
		case n < 9:
			a.startAll()
		case n < 12:
			a.finishAll()
		case n < 13:
			a.release()
		case n < 15:
			a.late()
		case n < 17:
			a.renew()
		case n == 17 && a.IntN(2) == 0:
			a.join() // it died; its slots too
		default:
			a.read(id)
		}
	}
}

// join insists. Whatever ran is gone.
func (a *agent) join() {
	inv := scheduler.Inventory{
		Host: a.hostName(), BootID: "boot",
		Environments: []scheduler.Environment{{Name: "default", Path: "/python3", Version: "3.11.0"}},
	}
	for i := range devices {
		inv.Devices = append(inv.Devices, scheduler.DeviceReport{Device: card(a.host, i)})
	}
	a.over, a.leases = append(a.over, a.leases...), nil
	c := call{kind: join, by: a.name, host: a.host, called: a.w.now()}
	for {
		j, err := a.s.Join(a.w.ctx, inv, nil, func(string) bool { return true })
		if errors.Is(err, store.ErrUnavailable) {
			continue
		}
		c.epoch, a.epoch = j.Epoch, j.Epoch
		a.w.note(&c, err)
		return
	}
}

// replaced: it should end; now and then it goes on as if it had not heard.
func (a *agent) replaced() {
	if a.healthy || a.IntN(3) == 0 {
		a.join()
	}
}

func (a *agent) hostName() string { return fmt.Sprint("host-", a.host) }

// claim repeats the same claim now and then, and always once without an answer.
func (a *agent) claim(id scheduler.JobID, n int) {
	a.claims++
	what := call{kind: claim, job: id, host: a.host, epoch: a.epoch, claimID: fmt.Sprintf("%s-%d", a.name, a.claims)}
	first := a.IntN(devices)
	for i := range n {
		what.devices = append(what.devices, card(a.host, (first+i)%devices).UUID)
	}
	for tries := 1; ; tries++ {
		got := a.tryClaim(what)
		switch {
		case got.answer == ok && !a.has(got.fence):
			a.leases = append(a.leases, lease{ref: scheduler.LeaseRef{Job: id, Fence: got.fence}})
		case got.answer == "final" && a.ended != nil:
			a.ended[id] = true
		case got.answer == "agent replaced" || got.answer == "rejoin":
			a.replaced()
			return
		}
		if got.answer != unknown && a.IntN(4) > 0 || tries > 2 {
			return
		}
	}
}

func (a *agent) tryClaim(what call) call {
	refused := new(scheduler.FieldError)
	return a.do(what, func(ctx context.Context, what *call) error {
		got, err := a.s.Claim(ctx, scheduler.ClaimRequest{
			Host: a.hostName(), Epoch: what.epoch, Job: what.job, Devices: what.devices, ClaimID: what.claimID,
		})
		if errors.As(err, &refused) {
			return scheduler.ErrBusy // it wants another number of devices
		}
		what.fence = got.Fence
		return err
	})
}

func (a *agent) has(fence uint64) bool {
	return slices.ContainsFunc(slices.Concat(a.leases, a.over), func(l lease) bool { return l.ref.Fence == fence })
}

func (a *agent) startAll() {
	for i := range a.leases {
		l := &a.leases[i]
		c := a.do(call{kind: start, job: l.ref.Job, fence: l.ref.Fence}, func(ctx context.Context, _ *call) error {
			return a.s.Start(ctx, l.ref)
		})
		l.started = l.started || c.answer == ok
	}
}

func (a *agent) finishAll() {
	leases := a.leases
	a.leases = nil
	for _, l := range leases {
		switch {
		case !l.started || a.IntN(3) == 0 && !a.healthy:
			a.leases = append(a.leases, l)
		case a.finish(l, a.IntN(3)) == unknown:
			a.leases = append(a.leases, l)
		default:
			a.over = append(a.over, l)
		}
	}
	if a.healthy { // what was cancelled before it started
		for len(a.leases) > 0 && !a.leases[0].started {
			a.release()
		}
	}
}

var outcomes = []scheduler.Outcome{scheduler.OutcomeSucceeded, scheduler.OutcomeFailed, scheduler.OutcomeCancelled}

func (a *agent) finish(l lease, how int) answer {
	o := outcomes[how]
	short := fmt.Sprintf("%s %d", a.name, l.ref.Fence)
	return a.do(call{kind: finish, job: l.ref.Job, fence: l.ref.Fence, outcome: o, short: short}, func(ctx context.Context, what *call) error {
		ref := l.ref
		if j, err := a.s.Job(ctx, ref.Job); a.w.noFence && err == nil && j.State == scheduler.Running {
			ref.Fence = j.Attempt().Fence
		}
		j, err := a.s.Finish(ctx, ref, scheduler.Finish{Outcome: o, Result: scheduler.Result{Short: what.short}})
		what.state = j.State
		return err
	}).answer
}

// release gives the first lease back.
func (a *agent) release() {
	if len(a.leases) == 0 {
		return
	}
	l := a.leases[0]
	c := a.do(call{kind: release, job: l.ref.Job, fence: l.ref.Fence, outcome: scheduler.OutcomeReleased}, func(ctx context.Context, _ *call) error {
		return a.s.Release(ctx, l.ref, "the test says so")
	})
	if c.answer != unknown {
		a.leases, a.over = a.leases[1:], append(a.over, l)
	}
}

// late does something with a lease that is over.
func (a *agent) late() {
	if len(a.over) == 0 {
		return
	}
	l := a.over[a.IntN(len(a.over))]
	if a.IntN(4) == 0 {
		a.do(call{kind: start, job: l.ref.Job, fence: l.ref.Fence}, func(ctx context.Context, _ *call) error {
			return a.s.Start(ctx, l.ref)
		})
		return
	}
	a.finish(l, a.IntN(3))
}

// renew names all leases; the answer for each is one about its job.
func (a *agent) renew() {
	refs := make([]scheduler.LeaseRef, len(a.leases))
	for i, l := range a.leases {
		refs[i] = l.ref
	}
	called := a.w.now()
	ctx, leave := fated(a.w.ctx, a.Rand, renew)
	defer leave()
	r, err := a.s.Renew(ctx, a.hostName(), a.epoch, refs)
	if errors.Is(err, scheduler.ErrStaleAgent) || errors.Is(err, scheduler.ErrRejoin) {
		a.replaced()
		return
	}
	for _, answer := range r.Answers {
		c := call{
			kind: renew, job: answer.Ref.Job, by: a.name, fence: answer.Ref.Fence, epoch: a.epoch,
			cancel: answer.Cancel, called: called,
		}
		if !answer.Gone {
			a.w.note(&c, nil)
			continue
		}
		a.w.note(&c, scheduler.ErrStale)
		a.leases = slices.DeleteFunc(a.leases, func(l lease) bool { return l.ref == answer.Ref })
		a.over = append(a.over, lease{ref: answer.Ref})
	}
}
