package agent

import (
	"context"
	"errors"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// settle tells the store how the attempt ended.
func settle(ctx context.Context, t *attempt) step {
	t.verdict = t.noted(t.verdict)
	if !t.tell(ctx) {
		return nil
	}
	return closing
}

// rejected ends a job whose call cannot be run: it counts as started, so that
// it can fail, though nothing of it ever ran.
func rejected(ctx context.Context, t *attempt) step {
	if err := t.start(t.opening); err != nil {
		t.verdict = refusal(err, context.Cause(t.opening))
	}
	return settle(ctx, t)
}

// closing is the end: the slot forgets the attempt, and its devices are nobody's.
func closing(_ context.Context, t *attempt) step {
	if t.granted {
		t.link.done(t.ref)
		t.agent.fleet.ended(t.devices)
	}
	t.unlock()
	t.agent.fleet.give(t.devices)
	return nil
}

// tell commits the verdict, as often as it takes: the store recognises a
// repeat. It reports false when the agent ends before.
func (t *attempt) tell(ctx context.Context) bool {
	told := troubles{}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := t.commit(ctx)
		switch {
		case err == nil:
			return true
		case isStale(err):
			t.log.Warn().Err(err).Msg("the attempt was ended elsewhere, throwing away what it did")
			return true
		case ctx.Err() != nil:
			return false
		}
		if told.fresh(err.Error(), time.Now()) {
			t.log.Warn().Err(err).Msg("cannot tell the store how the job ended, trying again")
		}
		t.mend(err)
		sleep(ctx, pause)
	}
}

// mend changes what would be refused again: an upload that is not there any
// more is sent once more, and what the server never takes, or is not here any
// more either, ends the job as failed.
func (t *attempt) mend(err error) {
	switch {
	case t.verdict.kind != finish || t.end == nil:
	case errors.Is(err, scheduler.ErrBlobMissing):
		if err := t.send(t.gone); err != nil && t.gone.Err() == nil {
			t.verdict = undeliverable(t.verdict, err, false)
		}
	case errors.Is(err, scheduler.ErrInvalid):
		t.verdict = undeliverable(t.verdict, err, false)
	}
}

func (t *attempt) commit(ctx context.Context) error {
	s := t.agent.opts.Scheduler
	switch t.verdict.kind {
	case finish:
		job, err := s.Finish(ctx, t.ref, t.verdict.finish)
		if err == nil {
			t.log.Info().Str("outcome", string(t.verdict.finish.Outcome)).Str("state", string(job.State)).Msg("job ended")
		}
		return err
	case giveBack:
		if t.verdict.awaits != nil {
			return s.Await(ctx, t.ref, t.verdict.awaits)
		}
		t.agent.fleet.releasedUnrun(t.devices, t.ref.Job)
		return s.Release(ctx, t.ref, t.verdict.cause)
	}
	return nil // throwAway: nothing to say
}
