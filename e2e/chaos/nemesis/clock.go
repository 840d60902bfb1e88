package nemesis

import (
	"context"
	"fmt"
	"time"
)

// clockJumps is F34: the wall clock of a server of the store jumps, more often the master's
// than its replica's, and jumps back when it is healed. Other faults of the store may come
// meanwhile: what follows a failover has another clock.
func clockJumps(d *draw) *strike {
	by, replica := d.jump(), d.r.IntN(3) == 0
	set := func(context.Context) error { return nil }
	return &strike{
		target: fmt.Sprintf("store, %s by %s", map[bool]string{false: "master", true: "replica"}[replica], by), touches: []string{"clock"},
		lasts: d.between(500*time.Millisecond, 8*time.Second),
		inject: func(ctx context.Context) error {
			r, err := d.Store.Master(ctx)
			if err != nil {
				return err
			}
			if replica {
				r = d.Store.Other(r)
			}
			set = func(context.Context) error { return d.SetClock(r, 0) }
			return d.SetClock(r, by)
		},
		heal: func(ctx context.Context) error { return set(ctx) },
	}
}

// jump draws by how much a clock jumps: seconds, minutes or an hour, forth or back.
func (d *draw) jump() time.Duration {
	by := []time.Duration{d.between(time.Second, 10*time.Second), d.between(time.Minute, 10*time.Minute), time.Hour}[d.r.IntN(3)]
	if by = by.Round(time.Millisecond); d.r.IntN(2) == 0 {
		return -by
	}
	return by
}
