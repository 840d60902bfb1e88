package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// blockers is a host whose first n devices have jobs of ana's that run.
func blockers(t *testing.T, gpus, n int) (*host, []scheduler.LeaseRef) {
	h := newWorld(t, scheduler.DefaultTiming()).host("gpu1", gpus)
	var refs []scheduler.LeaseRef
	busy := map[string]bool{}
	for range n {
		h.submit("ana")
		won := h.take(busy)
		busy[won.Job.Attempt().Devices[0]] = true
		refs = append(refs, h.start(won))
	}
	return h, refs
}

func (h *host) wantDeadlock(id, on scheduler.JobID, text string) {
	h.Helper()
	err := h.s.Block(h.ctx, id, on)
	if !errors.Is(err, scheduler.ErrDeadlock) || !strings.Contains(err.Error(), text) {
		h.Errorf("job %d waits for %d: %v, want %q", id, on, err, text)
	}
	if j := h.job(id); j.Attempt().BlockedOn != 0 {
		h.Errorf("job %d was refused, and is said to wait for %d", id, j.Attempt().BlockedOn)
	}
}

// TestTheLastDeviceWaitsForNobody: all may wait but those that hold the last devices
// which the awaited job could get; and once one of them has ended, so may the next.
func TestTheLastDeviceWaitsForNobody(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 3, 3)
	one := h.submit("ana")
	h.must(h.s.Block(h.ctx, refs[0].Job, one))
	h.must(h.s.Block(h.ctx, refs[1].Job, one))
	h.must(h.s.Block(h.ctx, refs[1].Job, one)) // said again
	h.wantDeadlock(refs[2].Job, one, fmt.Sprintf("every device that job %d could get is held by jobs that wait", one))
	h.must(h.s.Unblock(h.ctx, refs[0].Job))
	h.must(h.s.Block(h.ctx, refs[2].Job, one))
	h.wantDeadlock(refs[0].Job, one, "every device")
	h.succeed(refs[2]) // it gave up waiting
	h.must(h.s.Block(h.ctx, refs[0].Job, one))
	if j := h.job(refs[2].Job); j.Attempt().BlockedOn != 0 {
		t.Error("an attempt that has ended waits still")
	}
	leases, err := h.s.Leases(h.ctx)
	h.must(err)
	for _, l := range leases {
		if l.BlockedOn != one {
			t.Errorf("the lease of job %d waits for %d", l.Job, l.BlockedOn)
		}
	}
}

// TestWaitingForManyDevices: those that do not wait must be enough.
func TestWaitingForManyDevices(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 3, 2)
	both := h.submit("ana", func(s *scheduler.Submission) { s.Request.GPUs = new(2) })
	h.must(h.s.Block(h.ctx, refs[0].Job, both))
	h.wantDeadlock(refs[1].Job, both, "every device")
}

// TestJobsThatWaitForEachOther: in a circle, over several, and for itself.
func TestJobsThatWaitForEachOther(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 5, 3)
	a, b, c := refs[0].Job, refs[1].Job, refs[2].Job
	h.must(h.s.Block(h.ctx, a, b))
	h.must(h.s.Block(h.ctx, b, c))
	h.wantDeadlock(c, a, "waits for")
	h.wantDeadlock(c, c, "waits for")
	follower := h.submit("ana", func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{c} })
	h.wantDeadlock(c, follower, "waits for")
}

// TestWaitsOverFollowers: of jobs that follow others, and of one that waits for another.
func TestWaitsOverFollowers(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 5, 2)
	after := func(id scheduler.JobID) scheduler.JobID {
		return h.submit("ana", func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{id} })
	}
	a, b := refs[0].Job, refs[1].Job
	h.wantDeadlock(a, after(after(a)), "waits for")
	last := after(b)
	h.must(h.s.Block(h.ctx, b, a))
	h.wantDeadlock(a, last, "waits for")
	h.must(h.s.Unblock(h.ctx, b))
	h.must(h.s.Block(h.ctx, a, last))
}

// TestWhoCannotWait: a job without a lease; and one for which nothing can ever be
// placed is no deadlock: a host may join.
func TestWhoCannotWait(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 1, 1)
	queued := h.submit("ana")
	if err := h.s.Block(h.ctx, queued, refs[0].Job); !errors.Is(err, scheduler.ErrNoLease) {
		t.Errorf("a queued job waits: %v", err)
	}
	if err := h.s.Block(h.ctx, refs[0].Job, 99); !errors.Is(err, scheduler.ErrNotFound) {
		t.Errorf("for a job that is not there: %v", err)
	}
	h.succeed(refs[0])
	if err := h.s.Block(h.ctx, refs[0].Job, queued); !errors.Is(err, scheduler.ErrNoLease) {
		t.Errorf("a job that has ended waits: %v", err)
	}
}

// TestWaitingForAProcess: a message whose kept function is not loaded needs what that
// process needs; one that only its user's own processes could take may yet be taken.
func TestWaitingForAProcess(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 3, 2)
	h.register("ana", scheduler.Function{Name: "f", Keep: true, SHA256: "aa", Class: "gpus=2"}, scheduler.Function{Name: "g", Form: scheduler.FormLocal})
	kept, local := h.submit("ana", message("f")), h.submit("ana", message("g"))
	h.must(h.s.Block(h.ctx, refs[0].Job, kept))
	h.wantDeadlock(refs[1].Job, kept, "every device")
	busy := map[string]bool{}
	for _, ref := range refs {
		j := h.job(ref.Job)
		busy[j.Attempt().Devices[0]] = true
	}
	h.submit("ana")
	last := h.start(h.take(busy))
	h.must(h.s.Block(h.ctx, refs[1].Job, local))
	h.must(h.s.Block(h.ctx, last.Job, local))
}

// TestProcessWhoseMessageWaits: it keeps its device meanwhile.
func TestProcessWhoseMessageWaits(t *testing.T) {
	t.Parallel()
	h, refs := blockers(t, 2, 2)
	c := h.consumer(someConsumer, "ana", "f")
	c.Job = refs[0].Job
	c.enter()
	h.message("ana", "f")
	m := h.start(c.take())
	other := h.submit("ana")
	h.must(h.s.Block(h.ctx, m.Job, other))
	h.wantDeadlock(refs[1].Job, other, "every device")
	h.must(h.s.Unblock(h.ctx, m.Job))
	h.must(h.s.Block(h.ctx, refs[1].Job, other))
	h.wantDeadlock(m.Job, other, "every device")
}
