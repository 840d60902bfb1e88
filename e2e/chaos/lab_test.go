package chaos

import (
	"context"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/nemesis"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/workload"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
)

func (c *chaos) start(ctx context.Context) {
	c.mount()
	c.must(record.Write(c.record, record.World{
		Seed: c.seed, Scale: float64(*scaleFlag), BootNS: int64(boottime.Now()), UnixNS: time.Now().UnixNano(),
		RecoveryNS: int64(recovery()), PauseGraceNS: int64(grace),
		BelieveNS: int64(scheduler.DefaultTiming().Scale(*scaleFlag).Believe),
	}))
	var err error
	c.world, err = world.Start(ctx, world.Options{
		Dir: c.dir, Binary: binary, Python: python, Seed: c.seed, Scale: *scaleFlag, TLS: c.seed%2 == 1, Record: c.record,
		Users: []string{c.user("mlq"), c.user("mlq-agent")},
	})
	c.must(err)
	c.t.Cleanup(func() {
		if err := c.world.Close(); err != nil {
			c.t.Error(err)
		}
	})
	c.load = &workload.Run{
		Seed: c.seed, Rate: rate, Root: c.dir, Record: c.record, Tokens: map[string]string{},
		Crowded: func(ctx context.Context) bool { return c.world.Crowded(ctx, *crowdFlag) },
	}
	for _, s := range c.world.Servers {
		c.load.Doors = append(c.load.Doors, workload.Door{URL: s.URL, Client: s.Client()})
	}
	for _, user := range workload.Users() {
		c.load.Tokens[user], err = c.world.NewToken(ctx, user, "user")
		c.must(err)
	}
	c.must(c.world.Store.InSync(ctx))
	c.say("the lab is up")
}

// recovery is the most that may pass between the death of a host and the end of its leases.
func recovery() time.Duration {
	t := scheduler.DefaultTiming().Scale(*scaleFlag)
	return t.Expire + 2*t.ReapEvery + slack
}

// mount makes the disks that can be filled, where this machine lets us.
func (c *chaos) mount() {
	unmount, err := nemesis.Disks(c.dir)
	c.t.Cleanup(func() {
		if c.t.Failed() { // the world has ended: it was started later
			if err := nemesis.Keep(c.dir); err != nil {
				c.t.Log(err)
			}
		}
		if err := unmount(); err != nil {
			c.t.Error(err)
		}
	})
	if c.disks = err == nil; err != nil {
		c.tell("no fault of a disk: " + err.Error())
	}
}

// user is the rule of a user of the store, as admins are told to write it.
func (c *chaos) user(name string) string {
	return redistest.Documented(c.t, "../../docs/operate.md", name, "chaos")
}
