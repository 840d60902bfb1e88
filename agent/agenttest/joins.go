package agenttest

import (
	"slices"

	"github.com/mlq-dev/mlq/scheduler"
)

// testJoin: a new process takes over what runs, ends what certainly does not,
// and leaves the rest to expire.
func testJoin(b *bench) {
	h := b.host("h1", 4)
	var refs []scheduler.LeaseRef
	for i := range 3 {
		refs = append(refs, h.run(b.submit("ana"), i))
	}
	over := scheduler.LeaseRef{Job: b.submit("bob"), Fence: 17}
	old := h.epoch
	var asked []string
	locked := func(uuid string) bool {
		asked = append(asked, uuid)
		return uuid == h.inv.Devices[1].UUID
	}
	j := h.join([]scheduler.LeaseRef{refs[0], over}, locked)
	if j.Epoch <= old || len(j.Adopt) != 1 || j.Adopt[0].ID != refs[0].Job || !slices.Equal(j.Kill, []scheduler.LeaseRef{over}) || j.Now.IsZero() {
		b.Errorf("joined %+v", j)
	}
	slices.Sort(asked)
	if got := slices.Compact(asked); !slices.Equal(got, []string{h.inv.Devices[1].UUID, h.inv.Devices[2].UUID}) {
		b.Errorf("tried the locks of %v", got)
	}
	b.wantState(refs[0].Job, scheduler.Running)
	b.wantState(refs[1].Job, scheduler.Queued)  // its device is locked by the new process: nothing runs there
	b.wantState(refs[2].Job, scheduler.Running) // who knows
	if a := h.renew(refs[0]).Answers[0]; a.Gone {
		b.Errorf("an adopted lease: %+v", a)
	}
	_, err := h.Finish(b.ctx, refs[0], success)
	b.must(err)
}

// testReboot: after a boot nothing of before can run, whatever is locked.
func testReboot(b *bench) {
	h := b.host("h1", 1)
	id := b.submit("ana")
	h.run(id, 0)
	h.inv.BootID = "boot-2"
	h.join(nil, nil)
	b.wantState(id, scheduler.Queued)
}

// testReplaced: the older of two processes of one name is told so.
func testReplaced(b *bench) {
	older, id := b.host("h1", 1), b.submit("ana")
	newer := b.host("h1", 1)
	_, err := older.Renew(b.ctx, "h1", older.epoch, nil)
	b.refused(err, scheduler.ErrStaleAgent)
	_, err = older.Claim(b.ctx, older.request(id, 0))
	b.refused(err, scheduler.ErrStaleAgent)
	b.refused(older.Report(b.ctx, "h1", older.epoch, older.inv), scheduler.ErrStaleAgent)
	newer.renew()
}

// testNeverJoined: an agent that the store does not know is to join again.
func testNeverJoined(b *bench) {
	h := b.host("h1", 1)
	unknown := &host{bench: b, Scheduler: b.Agent("h2"), inv: inventory("h2", 1), epoch: h.epoch}
	_, err := unknown.Renew(b.ctx, "h2", unknown.epoch, nil)
	b.refused(err, scheduler.ErrRejoin)
	b.refused(unknown.Report(b.ctx, "h2", unknown.epoch, unknown.inv), scheduler.ErrRejoin)
	unknown.join(nil, nil)
	unknown.renew()
}

// testTwoHosts: of two that want the same job one has it.
func testTwoHosts(b *bench) {
	h1, h2, id := b.host("h1", 1), b.host("h2", 1), b.submit("ana")
	ref := h1.claim(id, 0)
	_, err := h2.Claim(b.ctx, h2.request(id, 0))
	b.refused(err, scheduler.ErrBusy)
	if a := h2.renew(ref).Answers[0]; !a.Gone {
		b.Errorf("another host's lease: %+v", a)
	}
	if a := h1.renew(ref).Answers[0]; a.Gone {
		b.Errorf("its own: %+v", a)
	}
}

// testOwnLease: a lease that its agent does not name stays for the time of a
// claim's answer.
func testOwnLease(b *bench) {
	h, id := b.host("h1", 1), b.submit("ana")
	ref := h.claim(id, 0)
	h.renew()
	b.wantState(id, scheduler.Leased)
	if a := h.renew(ref).Answers[0]; a.Gone {
		b.Errorf("named again: %+v", a)
	}
}

// testLate: an agent whose leases are about to end gets no new one before it has renewed.
func testLate(b *bench) {
	h, id := b.host("h1", 1), b.submit("ana")
	b.until("the last renewal is long ago", func() bool {
		hosts, err := b.Users.Hosts(b.ctx)
		b.must(err)
		now, err := b.Users.Now(b.ctx)
		b.must(err)
		return now.Sub(hosts[0].Renewed) >= h.Timing().Term
	})
	_, err := h.Claim(b.ctx, h.request(id, 0))
	b.refused(err, scheduler.ErrAgentTooLate)
	b.until("a claim after a renewal succeeds", func() bool {
		h.renew()
		_, err := h.Claim(b.ctx, h.request(id, 0))
		return err == nil
	})
}
