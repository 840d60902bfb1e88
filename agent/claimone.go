package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

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
		case errors.Is(err, scheduler.ErrDamaged): // nobody gets it, and it stands there for a while
			refused = ""
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
	claim := claimID(c.Job)
	secret := a.opts.AttemptSecret(c.Job, claim)
	sum := token.Hash(secret)
	request := scheduler.ClaimRequest{
		Host: a.opts.Name, Epoch: a.epoch.Load(), Job: c.Job, User: c.User, Devices: c.Devices,
		ClaimID: claim, TokenSHA256: sum[:], WorkDir: a.workdirs.path(c.Job),
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

// claimID names one claim, so that its repeat is recognised, and that of
// another job is not.
func claimID(job scheduler.JobID) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%d-%x", job, b)
}
