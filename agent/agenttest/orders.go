package agenttest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// testOrders: what admins order reaches the agent of that host, with a notice,
// and no other's.
func testOrders(b *bench) {
	h, other := b.host("h1", 2), b.host("h2", 1)
	first, second := h.inv.Devices[0].UUID, h.inv.Devices[1].UUID
	b.wantOrders(h, scheduler.Orders{})
	notices, err := h.Notices(b.ctx, "h1")
	b.must(err)
	told := func() {
		b.Helper()
		b.until("a notice", func() bool {
			select {
			case <-notices:
				return true
			default:
				return false
			}
		})
	}
	h.inv.Devices[0].State, h.inv.Devices[0].Health.Sick = gpu.Sick, "Xid 79"
	b.must(h.Report(b.ctx, "h1", h.epoch, h.inv))
	number, err := b.Users.Tolerate(b.ctx, scheduler.Order{Host: "h1", Device: second, By: "root"}, 0)
	b.must(err)
	told()
	b.wantOrders(h, scheduler.Orders{Number: number, Tolerate: map[string]int64{second: 0}})
	now, err := b.Users.Now(b.ctx)
	b.must(err)
	_, err = b.Users.ResetHealth(b.ctx, scheduler.Order{Host: "h1", Device: first, By: "root"})
	b.must(err)
	last, err := b.Users.Detach(b.ctx, scheduler.Order{Host: "h1", By: "root: new driver"})
	b.must(err)
	told()
	got, err := again(func() (scheduler.Orders, error) { return h.Orders(b.ctx, "h1") })
	b.must(err)
	if at := got.Resets[first]; at.Before(now) || at.Sub(now) > time.Minute || last <= number {
		b.Errorf("told at %v to reset at %v; number %d after %d", now, at, last, number)
	}
	got.Resets = nil
	want := scheduler.Orders{Number: last, Tolerate: map[string]int64{second: 0}, Detached: map[string]string{"": "root: new driver"}}
	if diff := cmp.Diff(want, got); diff != "" {
		b.Error(diff)
	}
	b.wantOrders(other, scheduler.Orders{})
}

func (b *bench) wantOrders(h *host, want scheduler.Orders) {
	b.Helper()
	got, err := again(func() (scheduler.Orders, error) { return h.Orders(b.ctx, h.inv.Host) })
	b.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("orders of %s: %s", h.inv.Host, diff)
	}
}
