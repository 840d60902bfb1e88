package agenttest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/filled"
	"github.com/mlq-dev/mlq/scheduler"
)

// testLife: from the queue to the result, with all that an agent must know of it.
func testLife(b *bench) {
	h := b.host("h1", 2)
	grace := 7 * time.Second
	id := b.submit("ana", func(s *scheduler.Submission) { s.Request.Timeout, s.Request.Grace = time.Hour, &grace })
	v := h.view()
	choice := scheduler.Pick(v, h.offer(), v.Now, 1)
	if choice.Kind != scheduler.ChoiceRun || choice.Job != id {
		b.Fatalf("chose %+v of %+v", choice, v)
	}
	r := h.request(id, 0)
	r.Devices, r.Held, r.FairHeld = choice.Devices, choice.Held, true
	won, err := h.Claim(b.ctx, r)
	b.must(err)
	a := won.Job.Attempt()
	if won.Job.ID != id || won.Job.User != "ana" || won.Job.Timeout != time.Hour || won.Job.Grace != grace || won.Job.Class == "" ||
		won.Job.Submitted.IsZero() || a == nil || a.N != 1 || a.Fence != won.Fence || a.Claimed.IsZero() || !slices.Equal(a.Devices, r.Devices) {
		b.Errorf("claimed %+v", won)
	}
	if got := won.Spec; got.User != "ana" || got.Media != scheduler.MediaJSON || string(got.Body) != `{"msg": 1}` {
		b.Errorf("spec %+v", got)
	}
	job := b.job(id)
	kept := job.Attempt()
	if !slices.Equal(kept.TokenSHA256, r.TokenSHA256) || kept.WorkDir != r.WorkDir || kept.Host != "h1" || kept.Epoch != h.epoch {
		b.Errorf("kept %+v", kept)
	}
	ref := scheduler.LeaseRef{Job: id, Fence: won.Fence}
	b.must(h.Start(b.ctx, ref))
	b.wantState(id, scheduler.Running)
	b.must(h.Progress(b.ctx, ref, `{"done": 0.5}`))
	if got := b.job(id).Progress; got != `{"done": 0.5}` {
		b.Errorf("progress %q", got)
	}
	ended, err := h.Finish(b.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeFailed, Detail: "ValueError", ExitCode: 3, WorkBytes: 17})
	b.must(err)
	job = b.wantState(id, scheduler.Failed)
	if ended.ID != id || ended.State != scheduler.Failed || job.Detail != "ValueError" || job.Attempt().ExitCode != 3 || job.Attempt().WorkBytes != 17 {
		b.Errorf("told %+v, kept %+v", ended, job)
	}
}

// testResult: an inline result is kept as it was sent.
func testResult(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	ref := h.run(id, 0)
	data := []byte("an envelope, as far as anybody here knows")
	sum := sha256.Sum256(data)
	want := scheduler.Result{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Inline: true, Short: "it's 42"}
	_, err := h.Finish(b.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: want, Inline: data})
	b.must(err)
	job, kept, err := b.Users.JobWithResult(b.ctx, id)
	b.must(err)
	if string(kept) != string(data) {
		b.Errorf("kept %q", kept)
	}
	if diff := cmp.Diff(want, job.Result); diff != "" {
		b.Error(diff)
	}
	if again, err := h.Finish(b.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: want, Inline: data}); err != nil || again.State != scheduler.Succeeded {
		b.Errorf("the same again: %+v, %v", again, err)
	}
}

// testNotices: an idle host is woken for a job, a busy one for a cancel.
func testNotices(b *bench) {
	h := b.host("h1", 1)
	notices, err := h.Notices(b.ctx, "h1")
	b.must(err)
	b.must(h.Idle(b.ctx, "h1", true))
	hear := func(what string, cause func()) {
		// A line that has just come up says so first; what was caused before is in that.
		for begun := false; ; {
			select {
			case <-notices:
				if begun {
					return
				}
			case <-time.After(300 * time.Millisecond):
				if begun {
					b.Fatalf("not woken for %s", what)
				}
				begun = true
				cause()
			}
		}
	}
	var id scheduler.JobID
	hear("a job", func() { id = b.submit("ana") })
	h.run(id, 0)
	hear("a cancel", func() { _, _, err := b.Users.Cancel(b.ctx, id, "ana"); b.must(err) })
}

// testViews: what Pick chooses from is all there.
func testViews(b *bench) {
	h := b.host("h1", 2)
	first := b.submit("ana", func(s *scheduler.Submission) { s.Request.Priority = -3; s.Request.Timeout = time.Minute })
	before := h.revision()
	b.submit("bob")
	if after := h.revision(); after == before {
		b.Errorf("the revision stays %d after a submit", after)
	}
	ref := h.run(first, 0)
	want, err := b.Users.View(b.ctx, h.offer(0), 1)
	b.must(err)
	got := h.view(0)
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Now" }, cmp.Ignore())); diff != "" {
		b.Error(diff)
	}
	if d := got.Now.Sub(want.Now); d < 0 || d > 10*time.Second {
		b.Errorf("seen %v later", d)
	}
	b.drain(h.inv.Devices[1].UUID, "root: broken fan")
	if got := h.view(0).DrainedDevices[h.inv.Devices[1].UUID]; got != "root: broken fan" {
		b.Errorf("a drained device: %q", got)
	}
	b.drain("", "root: new driver")
	if got := h.view(0).Drained; got != "root: new driver" {
		b.Errorf("a drained host: %q", got)
	}
	h.renew(ref)
}

// testReport: the inventory that people see is the one that was reported.
func testReport(b *bench) {
	h := b.host("h1", 2)
	named := h.inv.Devices[1].UUID
	h.inv.Devices[1] = filled.With[scheduler.DeviceReport]()
	h.inv.Devices[1].UUID = named
	h.inv.Links, h.inv.GPU, h.inv.Obeyed = filled.With[[]gpu.Link](), filled.With[gpu.Info](), 17
	h.inv.Accounts, h.inv.Barred = []string{"ana", "bob"}, []scheduler.Barred{{Dir: "/data", Unix: "bob"}}
	h.inv.ClockAhead, h.inv.AccountsByName = 90*time.Second, true
	b.must(h.Report(b.ctx, "h1", h.epoch, h.inv))
	hosts, err := b.Users.Hosts(b.ctx)
	b.must(err)
	got := hosts[0].Inventory
	got.Reported = time.Time{}
	if diff := cmp.Diff(h.inv, got); diff != "" {
		b.Error(diff)
	}
	h.inv.Accounts = []string{} // nobody, which is not the same as anybody
	b.must(h.Report(b.ctx, "h1", h.epoch, h.inv))
	hosts, err = b.Users.Hosts(b.ctx)
	b.must(err)
	if got := hosts[0].Accounts; got == nil {
		b.Error("no account became any account")
	}
}

// testClock: the store's time comes with each renewal.
func testClock(b *bench) {
	h := b.host("h1", 1)
	now, err := b.Users.Now(b.ctx)
	b.must(err)
	if d := h.renew().Now.Sub(now); d < 0 || d > 10*time.Second {
		b.Errorf("a renewal is told a time %v later than the store's", d)
	}
}
