package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// After so many views in which everything was taken by somebody else, an agent
// lets the others go first for a moment, up to breath.
const (
	rounds = 4
	breath = 20 * time.Millisecond
)

// claimLoop claims jobs for free devices: when a notice comes, when a device
// becomes free, and, as the truth behind both, at a jittered poll.
func (a *Agent) claimLoop(ctx context.Context) {
	notices := a.notices(ctx)
	look := true
	defer a.pulse.End(loopClaim)
	for ctx.Err() == nil {
		a.pulse.Beat(loopClaim, a.claimWithin())
		wait := a.poll()
		if look {
			wait = a.claimAll(ctx)
		}
		look = true
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
			a.unmarkIdle(ctx)
			look = a.mayHaveChanged(ctx)
		case <-a.fleet.freed:
		case _, open := <-notices:
			if !open {
				notices = a.notices(ctx)
			}
			a.renewSoon() // it may be about a lease
			a.ordered.wake()
		}
		timer.Stop()
	}
}

// notices subscribes to the hints for this host. Without them the poll finds
// everything, later.
func (a *Agent) notices(ctx context.Context) <-chan struct{} {
	c, err := a.opts.Scheduler.Notices(ctx, a.opts.Name)
	if err != nil && ctx.Err() == nil {
		a.opts.Log.Warn().Err(err).Msg("no notices from the store, polling only")
		c = nil
		time.AfterFunc(a.timing.PollMax, a.fleet.wake)
	}
	return c
}

// claimAll claims until nothing is free, or nothing is left that fits, and
// gives the time after which to look again.
func (a *Agent) claimAll(ctx context.Context) time.Duration {
	poll := a.poll()
	for taken := 0; ctx.Err() == nil; {
		a.pulse.Beat(loopClaim, a.claimWithin())
		if taken == rounds {
			return mathrand.N(breath)
		}
		if a.belief.stage(a.now()) != trusting {
			return poll
		}
		offer := a.offer()
		if !anyFree(offer) && !a.drained {
			return poll
		}
		view, err := a.opts.Scheduler.View(ctx, offer, a.seed)
		if err != nil {
			a.warn(ctx, err, "cannot look at the queue")
			return poll
		}
		a.seen, a.drained = view.Revision, view.Drained != "" || len(view.DrainedDevices) > 0
		a.fleet.drain(view.Drained, view.DrainedDevices)
		choice := scheduler.Pick(view, offer, view.Now, a.seed)
		switch choice.Kind {
		case scheduler.ChoiceRun:
			won, err := a.claimOne(ctx, choice, len(view.Held) > 1)
			if err != nil {
				a.warn(ctx, err, "cannot claim")
				return poll
			}
			if !won {
				taken++
			}
		case scheduler.ChoiceHold:
			return clamp(choice.Until.Sub(view.Now), 0, poll)
		default:
			if !a.markIdle(ctx) {
				return poll
			}
			// Freshly marked: what was queued in between got no notice.
		}
	}
	return poll
}

// poll is the time until the next look at the queue if nothing wakes us.
func (a *Agent) poll() time.Duration {
	return a.timing.PollMin + mathrand.N(a.timing.PollMax-a.timing.PollMin+1)
}

// mayHaveChanged asks the store cheaply whether anything at all was written
// since the last look at the queue.
func (a *Agent) mayHaveChanged(ctx context.Context) bool {
	revision, err := a.opts.Scheduler.Revision(ctx)
	return err != nil || revision != a.seen
}

func anyFree(o scheduler.Offer) bool {
	for _, d := range o.Devices {
		if d.Free {
			return true
		}
	}
	return false
}

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }

// claimOne claims the choice or, where somebody was faster, the next of the
// same user: for another's the view is taken anew, because who is next has
// changed. It reports whether a lease was won; an error means that it is no
// use to go on now.
func (a *Agent) claimOne(ctx context.Context, choice scheduler.Choice, several bool) (won bool, err error) {
	refused := ""
	for _, c := range append([]scheduler.Choice{choice}, choice.Next...) {
		if c.Kind != scheduler.ChoiceRun || a.mustWait(ctx, c.Job) {
			continue
		}
		if refused != "" && c.User != refused {
			return false, nil
		}
		refused = c.User
		err := a.claim(ctx, c, several)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, scheduler.ErrStaleAgent), errors.Is(err, scheduler.ErrRejoin), errors.Is(err, scheduler.ErrAgentTooLate):
			a.renewSoon() // it finds out what is the matter
			return false, err
		case errors.Is(err, store.ErrUnavailable), ctx.Err() != nil:
			return false, err
		}
		a.opts.Log.Debug().Err(err).Int64("job", int64(c.Job)).Msg("not claimed")
	}
	return false, nil
}

// mustWait: the job's payload is on a server that does not answer.
func (a *Agent) mustWait(ctx context.Context, job scheduler.JobID) bool {
	if !a.away.since.Load() {
		return false
	}
	spec, err := a.opts.Scheduler.Spec(ctx, job)
	return err != nil || needsAPI(spec)
}

// claim locks the devices and looks at each once more, both *before* the
// claim: a lease that is won can be used at once.
func (a *Agent) claim(ctx context.Context, c scheduler.Choice, several bool) error {
	if !a.fleet.reserve(c.Devices) {
		return errNoDevice
	}
	defer a.fleet.unreserve(c.Devices)
	l := a.lines.of(c.Devices[0])
	if l == nil {
		return errNoDevice
	}
	locks, err := a.lockAll(c.Devices)
	if err != nil {
		return err
	}
	if err := a.lookAll(ctx, c.Devices); err != nil {
		closeLocks(locks)
		return err
	}
	secret := token.NewSecret()
	sum := token.Hash(secret)
	request := scheduler.ClaimRequest{
		Host: a.opts.Name, Epoch: a.epoch.Load(), Job: c.Job, User: c.User, Devices: c.Devices,
		ClaimID: claimID(c.Job), TokenSHA256: sum[:], WorkDir: a.workdirs.path(c.Job),
		Held: c.Held, FairHeld: several, // a user alone takes nothing from anybody
	}
	won, err := a.commitClaim(ctx, request)
	if err != nil {
		closeLocks(locks)
		return err
	}
	a.begin(won, l, c.Devices, locks, secret)
	return nil
}

// errNoDevice: a device that was offered is not there any more.
var errNoDevice = errors.New("a device is gone")

// commitClaim repeats the very same claim while its outcome is unknown and the
// belief lasts; after that the store ends a lease that we do not name.
func (a *Agent) commitClaim(ctx context.Context, r scheduler.ClaimRequest) (scheduler.Claimed, error) {
	for {
		won, err := a.opts.Scheduler.Claim(ctx, r)
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil || a.belief.stage(a.now()) >= stopping {
			return won, err
		}
	}
}

// begin runs the attempt of a lease that was won.
func (a *Agent) begin(won scheduler.Claimed, l *link, devices []string, locks []*lockfile.Lock, secret string) {
	last := won.Job.Attempt()
	t := a.newAttempt(a.attempts, l, scheduler.LeaseRef{Job: won.Job.ID, Fence: won.Fence}, last.N, devices)
	t.job, t.spec, t.replay, t.locks, t.secret = won.Job, won.Spec, won.Replay, locks, secret
	var freeBy time.Time
	if won.Job.Timeout > 0 {
		freeBy = last.Claimed.Add(won.Job.Timeout)
	}
	a.fleet.take(devices, won.Job.ID, freeBy, holder{slot: l.slotProcess()})
	t.log.Info().Strs("devices", devices).Msg("claimed a job")
	a.launch(t, open)
}

// lockAll takes the locks of all the devices or of none.
func (a *Agent) lockAll(uuids []string) ([]*lockfile.Lock, error) {
	locks := make([]*lockfile.Lock, 0, len(uuids))
	for _, uuid := range uuids {
		l, err := lockfile.Acquire(lockfile.Path(a.lockDir, uuid))
		if err != nil {
			closeLocks(locks)
			a.lockRefused(uuid)
			a.opts.Log.Warn().Err(err).Str("device", uuid).Msg("somebody else has this device now: another agent of this host, or a tool")
			return nil, err
		}
		locks = append(locks, l)
	}
	return locks, nil
}

// lookAll looks at the devices now, at all of them at once; one that is not free
// is refused.
func (a *Agent) lookAll(ctx context.Context, uuids []string) error {
	refusals := make([]error, len(uuids))
	var all sync.WaitGroup
	for i, uuid := range uuids[1:] {
		all.Go(func() { refusals[i+1] = a.lookFree(ctx, uuid) })
	}
	refusals[0] = a.lookFree(ctx, uuids[0])
	all.Wait()
	return errors.Join(refusals...)
}

func (a *Agent) lookFree(ctx context.Context, uuid string) error {
	v, err := a.look(ctx, uuid, claimLook)
	switch {
	case errors.Is(err, errSilent):
		a.fleet.setSilent(uuid)
		return fmt.Errorf("device %s: %w", uuid, err)
	case err != nil:
		return fmt.Errorf("device %s: %w", uuid, err)
	case v.State != gpu.Free:
		a.fleet.lookAgain(uuid) // its turn may be 2 s away, and what was found soon gone
		return fmt.Errorf("device %s is %s: %s", uuid, v.State, v.Reason)
	}
	return nil
}

// markIdle has this host told of new jobs. It reports whether it was not before.
func (a *Agent) markIdle(ctx context.Context) bool {
	if a.idle {
		return false
	}
	if err := a.opts.Scheduler.Idle(ctx, a.opts.Name, true); err != nil {
		a.warn(ctx, err, "cannot say that this host is idle")
		return false
	}
	a.idle, a.idleEpoch = true, a.epoch.Load()
	return true
}

// unmarkIdle ends that once nothing has been free for a poll's time. Not at
// once: a host that takes one short job after the other would write twice for each.
func (a *Agent) unmarkIdle(ctx context.Context) {
	if a.idle && a.idleEpoch != a.epoch.Load() {
		a.idle = false // joined again: the mark may be lost
	}
	if !a.idle || anyFree(a.offer()) {
		return
	}
	if err := a.opts.Scheduler.Idle(ctx, a.opts.Name, false); err != nil {
		a.warn(ctx, err, "cannot say that this host is busy")
		return
	}
	a.idle = false
}

// claimID names one claim, so that its repeat is recognised, and that of
// another job is not.
func claimID(job scheduler.JobID) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%d-%x", job, b)
}

// files are the descriptors of the locks.
func files(locks []*lockfile.Lock) []*os.File {
	fs := make([]*os.File, len(locks))
	for i, l := range locks {
		fs[i] = l.File()
	}
	return fs
}

// warn logs what a loop goes on after, unless it was told to end.
func (a *Agent) warn(ctx context.Context, err error, what string) {
	if ctx.Err() == nil {
		a.opts.Log.Warn().Err(err).Msg(what)
	}
}
