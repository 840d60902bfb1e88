package slot

import (
	"context"
	"errors"
	"os"

	"github.com/mlq-dev/mlq/scheduler"
)

// recover finds what an earlier slot of this folder left: an attempt that had
// ended is kept for the agent; one that had not is lost, and its processes are killed.
func (s *slot) recover(ctx context.Context) error {
	r, ended, err := s.journal.load()
	if err != nil || r == nil {
		return err
	}
	s.kept = &State{Attempt: &r.Grant, Running: true, Log: s.spool.logPath(r.Grant.Ref())}
	if err := s.clearLeftGroup(ctx, r); err != nil {
		return err
	}
	orphans := &orphans{record: *r, boot: s.boot, log: s.log}
	if err := orphans.clear(ctx); err != nil {
		return err
	}
	switch {
	case ended == nil:
		s.kept.Ended = s.lost(r)
	case r.Boot == s.boot:
		s.kept.Ended = ended
	default:
		go s.check(r, ended) // reads GiB: agents are answered meanwhile, and told that it is not over
	}
	return nil
}

// check ends an attempt from before a restart of the host: as it had ended, if what it
// left survived that.
func (s *slot) check(r *record, ended *Ended) {
	if !ended.survived() {
		ended = s.lost(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.kept.Attempt.Ref() != r.Grant.Ref() { // done meanwhile
		return
	}
	s.kept.Ended = ended
	s.say(Event{Kind: EventEnded, Job: r.Grant.Job, Fence: r.Grant.Fence, Ended: ended})
}

// survived reports whether what an attempt left is still all there: after a restart of
// the host a result, which is not synced, may be gone or have holes. So may the files
// in out/, of which no hash tells.
func (e *Ended) survived() bool {
	return len(e.Files) == 0 && (e.Result == nil || e.Result.intact())
}

// lost is the end of an attempt whose slot died.
func (s *slot) lost(r *record) *Ended {
	ended := &Ended{
		Outcome: scheduler.OutcomeLost, ExitCode: -1, Started: true,
		Detail: "the slot process that ran it was killed", Log: s.spool.logPath(r.Grant.Ref()),
	}
	if r.Boot != s.boot {
		ended.Detail = "the host was restarted"
	}
	if info, err := os.Stat(ended.Log); err == nil {
		ended.LogSize = info.Size()
	}
	return ended
}

// refused: the grant could not be carried out, and is forgotten.
func (s *slot) refused(a *attempt, err error) {
	s.forget(a.grant.Ref())
	s.mu.Lock()
	defer s.mu.Unlock()
	a.close()
	s.attempt = nil
	s.say(Event{Kind: EventError, Job: a.grant.Job, Fence: a.grant.Fence, Detail: err.Error()})
	s.note()
}

// finished keeps the end of an attempt until Done.
func (s *slot) finished(a *attempt, ended *Ended) {
	if err := s.journal.end(ended); err != nil {
		// The agent is told all the same; only a restart before Done would take it for lost.
		a.log.Error().Err(err).Msg("the end could not be written down")
	}
	grant := withoutSecrets(a.grant)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.close()
	s.attempt = nil
	s.kept = &State{Attempt: &grant, Running: ended.Started, Log: ended.Log, Ended: ended}
	s.say(Event{Kind: EventEnded, Job: grant.Job, Fence: grant.Fence, Ended: ended})
	s.note()
}

// done forgets the attempt that was kept. It is one step: the next grant comes
// after it, and two agents that say it at once must not both forget. No job waits
// for the lock meanwhile, for none runs where one is kept.
func (s *slot) done(ref scheduler.LeaseRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.kept.Attempt.Ref() != ref {
		return
	}
	s.forget(ref)
	s.kept = nil
	s.note()
}

// forget removes the files of an attempt; first those by which a restarted slot would know it.
func (s *slot) forget(ref scheduler.LeaseRef) {
	if err := errors.Join(s.journal.clear(), s.spool.remove(ref)); err != nil {
		s.log.Error().Err(err).Msg("files of an attempt stay")
	}
}
