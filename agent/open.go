package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// open gives a fresh lease to the slot and hands the call over. The fork in
// the slot and the commit of Start go on side by side; the call is handed over
// only when Start was committed, because from then on the job counts as run.
func open(ctx context.Context, t *attempt) step {
	t.link.own(t)
	call, err := t.prepare(t.opening)
	if err != nil {
		return t.refuse(ctx, err)
	}
	defer call.Close()
	if err := t.renewReplay(t.opening); err != nil {
		return t.refuse(ctx, err)
	}
	t.agent.fleet.setHold(t.devices, call.hold)
	if t.line, err = t.link.grant(t.grant(call), files(t.locks)); err != nil {
		t.granted = true // who knows: the line broke
		return t.refuse(ctx, err)
	}
	t.granted = true
	t.unlock()
	if err := t.start(t.opening); err != nil {
		return t.refuse(ctx, err)
	}
	if err := t.link.handOver(t.ref, call.files); err != nil {
		t.log.Warn().Err(err).Msg("the line to the slot broke at the hand-over")
	}
	t.agent.fleet.ran(t.devices)
	return watch
}

// refuse turns a failed opening into what the store is to be told.
func (t *attempt) refuse(ctx context.Context, err error) step {
	if ctx.Err() != nil {
		return nil // the agent ends: the next one finds the lease and releases it
	}
	t.verdict = refusal(err, context.Cause(t.opening))
	if errors.Is(err, scheduler.ErrUnsigned) {
		t.agent.signers.refused.Add(1)
		t.agent.fleet.news.wake()
		t.log.Error().Err(err).Str("user", t.job.User).Msg("refused a job that no server has signed: somebody else wrote to the store, or a server has another key")
	}
	if t.verdict.kind == giveBack {
		t.log.WithLevel(unrunLevel(err)).Err(err).Msg("releasing a job unrun")
	}
	return drop
}

// refusal is pure: what a failed opening leads to. stopped is why the opening
// was to end, nil if it was not.
func refusal(err, stopped error) verdict {
	var bad *badCallError
	var removed *missingFunctionsError
	switch {
	case errors.Is(stopped, errGone), isStale(err):
		return verdict{kind: throwAway}
	case errors.As(stopped, new(*lostDeviceError)):
		return verdict{kind: giveBack, cause: stopped.Error()}
	case errors.Is(stopped, scheduler.ErrCancelled), errors.Is(err, scheduler.ErrCancelled):
		return verdict{kind: giveBack, cause: "cancelled before it started"}
	case errors.As(err, &removed):
		return verdict{kind: giveBack, cause: err.Error(), awaits: removed.names}
	case errors.As(err, &bad):
		return verdict{kind: finish, finish: scheduler.Finish{
			Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonRejected, Detail: bad.detail, ExitCode: -1,
		}}
	}
	return verdict{kind: giveBack, cause: unrun(err)}
}

// isStale: the store says that this lease is over.
func isStale(err error) bool {
	return errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) || errors.Is(err, scheduler.ErrFinal)
}

// errNoBelief: the store was not reached for so long that the slots stop their jobs.
var errNoBelief = errors.New("the store could not be reached in time")

// start commits Start, as often as it takes and the belief lasts.
func (t *attempt) start(ctx context.Context) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := t.agent.opts.Scheduler.Start(ctx, t.ref)
		if t.agent.belief.stage(t.agent.now()) >= stopping {
			return errNoBelief
		}
		if err == nil || !retryable(err) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, pause)
	}
}

// renewReplay: the first sending of a claim whose answer was lost may be long
// ago; a renewal that succeeds now shows that the lease still is.
func (t *attempt) renewReplay(ctx context.Context) error {
	if !t.replay {
		return nil
	}
	return t.agent.renewOnce(ctx)
}

// grant is the lease as the slot gets it.
func (t *attempt) grant(p *prepared) slot.Grant {
	o := t.agent.opts
	g := slot.Grant{
		Job: t.ref.Job, Attempt: t.n, Fence: t.ref.Fence, Devices: t.agent.fleet.slotDevices(t.devices),
		Python: p.environment.Path, Environment: p.environment.Name,
		JobDir: p.jobDir, WorkDir: p.workDir, Home: p.home, Account: p.account, Shared: p.shared,
		Vars: t.vars(p), URL: o.URL, Token: token.Attempt(int64(t.ref.Job), t.n, t.secret),
		Timeout: slotTimeout(&t.job), Hold: p.hold, Grace: t.job.Grace, Deadline: t.agent.belief.deadline(),
		Keep: t.job.KeepOnPartition, Limits: o.Limits,
		Isolation: t.agent.held.Spec(int64(t.ref.Job), t.n),
	}
	return g
}

// vars are the job's variables, with how its client knows the server.
func (t *attempt) vars(p *prepared) map[string]string {
	fingerprint := t.agent.opts.TLSFingerprint
	if fingerprint == "" {
		return p.vars
	}
	vars := map[string]string{"MLQ_TLS_FINGERPRINT": fingerprint}
	maps.Copy(vars, p.vars) // the job's own cannot begin with MLQ_
	return vars
}

// badCallError: the call can never run, here or elsewhere.
type badCallError struct{ detail string }

func (e *badCallError) Error() string { return e.detail }

func badCall(format string, args ...any) error {
	return &badCallError{fmt.Sprintf(format, args...)}
}

// retryable: the store did not answer, or kept changing; the same again may succeed.
func retryable(err error) bool {
	return !isStale(err) && !errors.Is(err, scheduler.ErrCancelled) && !errors.Is(err, context.Canceled)
}

func (p *prepared) Close() { closeFiles(p.files) }

// closeFile closes what was only read from.
func closeFile(f *os.File) { _ = f.Close() }

func closeFiles(fs []*os.File) {
	for _, f := range fs {
		closeFile(f)
	}
}
