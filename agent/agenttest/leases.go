package agenttest

import (
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

var success = scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}

// testClaims: who may have a job, and who not.
func testClaims(b *bench) {
	h := b.host("h1", 2)
	first, second := b.submit("ana"), b.submit("ana")
	request := h.request(first, 0)
	won, err := h.Claim(b.ctx, request)
	b.must(err)
	again, err := h.Claim(b.ctx, request)
	if err != nil || !again.Replay || again.Fence != won.Fence {
		b.Errorf("the same claim again: %+v, %v", again, err)
	}
	_, err = h.Claim(b.ctx, h.request(first, 1))
	b.refused(err, scheduler.ErrBusy) // the job
	_, err = h.Claim(b.ctx, h.request(second, 0))
	b.refused(err, scheduler.ErrBusy) // the device
	_, err = h.Claim(b.ctx, h.request(second, 0, 1))
	b.refused(err, scheduler.ErrInvalid) // it runs on one
	_, err = h.Claim(b.ctx, h.request(999, 1))
	b.refused(err, scheduler.ErrNotFound)
	fair := h.request(second, 1)
	fair.Held, fair.FairHeld = 0, true
	_, err = h.Claim(b.ctx, fair)
	b.refused(err, scheduler.ErrBusy) // ana holds one
	b.drain("", "root: new driver")
	_, err = h.Claim(b.ctx, h.request(second, 1))
	b.refused(err, scheduler.ErrBusy)
	if err == nil || !strings.Contains(err.Error(), "root: new driver") {
		b.Errorf("a drained host is told %v", err)
	}
	b.wantState(second, scheduler.Queued)
}

// testStale: a fence that is not the current one ends nothing and starts nothing.
func testStale(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	old := h.run(id, 0)
	b.must(h.Release(b.ctx, old, "tried out"))
	b.must(h.Release(b.ctx, old, "tried out")) // a repeat
	future := scheduler.LeaseRef{Job: id, Fence: old.Fence + 1_000_000}
	for _, ref := range []scheduler.LeaseRef{old, future} {
		_, err := h.Finish(b.ctx, ref, success)
		b.refused(err, scheduler.ErrStale)
		b.refused(h.Start(b.ctx, ref), scheduler.ErrStale)
		b.refused(h.Progress(b.ctx, ref, "1"), scheduler.ErrStale)
		if a := h.renew(ref).Answers[0]; !a.Gone || a.Ref != ref || a.Why == "" {
			b.Errorf("a renewal says %+v", a)
		}
	}
	b.refused(h.Release(b.ctx, future, "x"), scheduler.ErrStale)
	b.wantState(id, scheduler.Queued)
	_, err := h.Claim(b.ctx, h.request(id, 0))
	b.refused(err, scheduler.ErrBusy) // avoided for a while
}

// testRelease: a lease that is given back is told to who asks why.
func testRelease(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	ref := h.claim(id, 0)
	_, err := h.Finish(b.ctx, ref, success)
	b.refused(err, scheduler.ErrStale) // it was never started
	b.must(h.Release(b.ctx, ref, "the payload could not be fetched"))
	job := b.wantState(id, scheduler.Queued)
	if a := job.Attempt(); a.Outcome != scheduler.OutcomeReleased || a.Cause != "the payload could not be fetched" {
		b.Errorf("attempt %+v", a)
	}
}

// testAwait: a message whose function was removed waits for it, and not for the host.
func testAwait(b *bench) {
	h := b.host("h1", 1)
	b.functionsAre("f")
	id := b.submit("ana", func(s *scheduler.Submission) { s.Message, s.Functions = true, []string{"f"} })
	ref := h.claim(id, 0)
	b.functionsAre()
	b.refused(h.Await(b.ctx, ref, []string{"g"}), scheduler.ErrInvalid)
	b.must(h.Await(b.ctx, ref, []string{"f"}))
	b.must(h.Await(b.ctx, ref, []string{"f"})) // a repeat
	job := b.wantState(id, scheduler.Scheduled)
	if a := job.Attempt(); a.Outcome != scheduler.OutcomeReleased || a.Cause != "function f is not registered" || job.Releases != 0 {
		b.Errorf("%d releases, attempt %+v", job.Releases, a)
	}
	b.functionsAre("f")
	b.wantState(id, scheduler.Queued)
	h.run(id, 0)
}

// functionsAre has ana have functions of these names, and no others.
func (b *bench) functionsAre(names ...string) {
	b.Helper()
	list := []scheduler.Function{}
	for _, name := range names {
		list = append(list, scheduler.Function{Name: name})
	}
	b.must(b.Users.ChangeFunctions(b.ctx, "ana", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return list, nil
	}))
}

// testCancels: a job that is to be cancelled does not start, and one that runs is told of.
func testCancels(b *bench) {
	h := b.host("h1", 2)
	leased, running := b.submit("ana"), b.submit("ana")
	waiting, started := h.claim(leased, 0), h.run(running, 1)
	for _, id := range []scheduler.JobID{leased, running} {
		_, _, err := b.Users.Cancel(b.ctx, id, "ana: wrong data")
		b.must(err)
	}
	b.refused(h.Start(b.ctx, waiting), scheduler.ErrCancelled)
	b.must(h.Release(b.ctx, waiting, "cancelled before it started"))
	b.wantState(leased, scheduler.Cancelled)
	if a := h.renew(started).Answers[0]; !a.Cancel || a.Gone || !strings.Contains(a.Why, "wrong data") || a.Then != "" {
		b.Errorf("a renewal says %+v", a)
	}
	_, err := h.Finish(b.ctx, started, scheduler.Finish{Outcome: scheduler.OutcomeCancelled, Signal: "SIGTERM", ExitCode: -1})
	b.must(err)
	if job := b.wantState(running, scheduler.Cancelled); job.Attempt().Signal != "SIGTERM" {
		b.Errorf("attempt %+v", job.Attempt())
	}
}

// testRevoke: a revoked job is told to be run again.
func testRevoke(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	ref := h.run(id, 0)
	_, _, err := b.Users.Revoke(b.ctx, id, "requeue", "root: maintenance")
	b.must(err)
	if a := h.renew(ref).Answers[0]; !a.Cancel || a.Then != "requeue" || !strings.Contains(a.Why, "maintenance") {
		b.Errorf("a renewal says %+v", a)
	}
	b.must(h.Release(b.ctx, ref, "revoked"))
	b.wantState(id, scheduler.Queued)
}

// testEnded: what has ended is not claimed, and its folder may go.
func testEnded(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	_, _, err := b.Users.Cancel(b.ctx, id, "ana")
	b.must(err)
	_, err = h.Claim(b.ctx, h.request(id, 0))
	b.refused(err, scheduler.ErrFinal)
	got, err := h.look(id)
	b.must(err)
	want := b.job(id)
	if got.ID != id || got.State != scheduler.Cancelled || !got.EndedAt.Equal(want.EndedAt) || !got.Submitted.Equal(want.Submitted) {
		b.Errorf("got %+v, want %+v", got, want)
	}
}

// testNothing: of what does not exist every question says so.
func testNothing(b *bench) {
	h := b.host("h1", 1)
	ref := scheduler.LeaseRef{Job: 999, Fence: 1}
	_, err := h.look(999)
	b.refused(err, scheduler.ErrNotFound)
	_, err = h.spec(999)
	b.refused(err, scheduler.ErrNotFound)
	b.refused(h.Start(b.ctx, ref), scheduler.ErrNotFound)
	b.refused(h.Release(b.ctx, ref, "x"), scheduler.ErrNotFound)
	_, err = h.Finish(b.ctx, ref, success)
	b.refused(err, scheduler.ErrNotFound)
	if a := h.renew(ref).Answers[0]; !a.Gone {
		b.Errorf("a renewal says %+v", a)
	}
	id := b.submit("ana")
	if spec, err := h.spec(id); err != nil || string(spec.Body) != `{"msg": 1}` || spec.User != "ana" {
		b.Errorf("spec %+v, %v", spec, err)
	}
}
