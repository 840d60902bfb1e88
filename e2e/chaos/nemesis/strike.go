package nemesis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/scheduler"
)

// strike is one fault that is about to be.
type strike struct {
	target string
	// touches are what it changes: two that touch the same are not there at once.
	touches []string
	lasts   time.Duration
	// inject breaks and heal mends; heal is called also where inject has failed.
	inject, heal func(context.Context) error
	// intervals are what it means for the record, from before it was injected until
	// it was healed.
	intervals []record.Interval
}

// draw is what a fault is made of: the world and a source of its own.
type draw struct {
	*world.World
	r      *rand.Rand
	timing scheduler.Timing // of the world, scaled
	scale  int
	// recovery is how long the leases of a host that died may last.
	recovery time.Duration
	dir      string                      // of the world
	disks    bool                        // those that can be filled are there
	seen     func(record.Interval) error // for an interval that only the fault knows
}

// between draws a duration.
func (d *draw) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.r.Float64()*float64(to-from))
}

// around draws one that is a lease or more in one case of three, and else a part of one:
// most faults are to be survived, some are to be outlived.
func (d *draw) around() time.Duration {
	if d.r.IntN(3) == 0 {
		return d.between(d.timing.Expire, 2*d.timing.Expire)
	}
	return d.between(d.timing.Expire/20, d.timing.Expire/2)
}

// dead draws how long a host is: in one case of three until all its leases must have ended.
func (d *draw) dead() time.Duration {
	if d.r.IntN(3) == 0 {
		return d.recovery + d.between(d.timing.Expire/10, d.timing.Expire)
	}
	return d.around()
}

func (d *draw) host() *world.Host     { return d.Hosts[d.r.IntN(len(d.Hosts))] }
func (d *draw) server() *world.Server { return d.Servers[d.r.IntN(len(d.Servers))] }

// from are the links that a process has to others.
func (d *draw) from(name string) (links []*world.Link) {
	for _, l := range d.Links() {
		if l.From == name {
			links = append(links, l)
		}
	}
	return links
}

// store is what every fault of Redis touches.
const store = "store"

// touching names links as what a strike touches.
func touching(links []*world.Link, also ...string) []string {
	for _, l := range links {
		also = append(also, l.Name)
	}
	return also
}

// onHost is a strike on all of a host: its processes and its links.
func (d *draw) onHost(h *world.Host) *strike {
	return &strike{target: h.Name, touches: touching(d.from(h.Name), h.Name), lasts: d.around()}
}

// onLinks is a strike that sets something on links, and Heal ends it there.
func onLinks(target string, links []*world.Link, lasts time.Duration, set func(*world.Link)) *strike {
	return &strike{
		target: target, touches: touching(links), lasts: lasts,
		inject: func(context.Context) error { each(links, set); return nil },
		heal:   func(context.Context) error { each(links, func(l *world.Link) { l.Heal() }); return nil },
	}
}

func each[T any](all []T, do func(T)) {
	for _, one := range all {
		do(one)
	}
}

// outage: no recovery of a host can be expected while it lasts.
func outage() record.Interval { return record.Interval{Kind: record.Outage} }

// pause waits, and says whether it waited to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
