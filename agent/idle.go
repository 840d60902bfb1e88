package agent

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler"
)

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

func anyFree(o scheduler.Offer) bool {
	for _, d := range o.Devices {
		if d.Free {
			return true
		}
	}
	return false
}
