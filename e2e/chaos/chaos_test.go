package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/check"
	"github.com/mlq-dev/mlq/e2e/chaos/nemesis"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/workload"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/scheduler"
)

// fixedSeed is run by every `go test`, beside a fresh one.
const fixedSeed = 7

// rate is how many jobs a second arrive, unless there is a crowd.
const rate = 6

const (
	// slack is what a machine with two cores, on which all of this runs at once, is
	// granted beyond the protocol's times.
	slack = 5 * time.Second
	// grace is how long a host that stood still may take to end what it should not run
	// any more; its watchdogs are awake at once.
	grace = time.Second
)

// TestChaos runs a lab under faults. With -seed it is one run, else two.
func TestChaos(t *testing.T) {
	seeds := []uint64{fixedSeed, rand.Uint64N(1 << 32)}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := newChaos(t, seed)
			t.Log(c.run(t.Context()))
		})
	}
}

// chaos is one run.
type chaos struct {
	t      *testing.T
	seed   uint64
	dir    string
	record *record.Writer
	world  *world.World
	load   *workload.Run
	begun  time.Time
	disks  bool           // some can be filled
	faults map[string]int // that there were, by number
	// readmitted is when those tokens of hosts were made that were gone at the end.
	readmitted []record.Interval
}

// newChaos makes a run's folder, which stays where the run fails.
func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("mlq-chaos-%d-", seed))
	if err != nil {
		t.Fatal(err)
	}
	c := &chaos{t: t, seed: seed, dir: dir, begun: time.Now()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("record, logs and stores of seed %d stay in %s", seed, dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if c.record, err = record.Append(filepath.Join(dir, "run.jsonl")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.record.Close() })
	return c
}

// run goes through the whole of it, and gives the line that sums it up.
func (c *chaos) run(ctx context.Context) string {
	c.start(ctx)
	c.shake(ctx)
	c.quiesce(ctx)
	c.collect(ctx)
	defer func() { c.t.Logf("not injected, or in part:\n%s", strings.Join(nemesis.Elsewhere(), "\n")) }()
	return c.judge()
}

// judge looks for broken promises in all that was written down.
func (c *chaos) judge() string {
	rec, err := record.Read(filepath.Join(c.dir, "run.jsonl"), filepath.Join(c.dir, "truth.jsonl"))
	c.must(err)
	report := check.Run(rec, c.dir)
	for _, token := range c.readmitted {
		if !check.Lossy(rec, token) {
			c.t.Errorf("seed %d: the token of %s, made from %d to %d, is gone, and the store kept what it acknowledged", c.seed, token.Host, token.FromNS, token.ToNS)
		}
	}
	if err := report.Err(); err != nil {
		c.t.Errorf("seed %d: %v", c.seed, err)
	}
	if report.Jobs == 0 || report.Faults == 0 {
		c.t.Errorf("seed %d: nothing was tried", c.seed)
	}
	if report.Enough != nil {
		c.t.Errorf("seed %d: this run says too little: %v", c.seed, report.Enough)
	}
	c.tell(report.Scope())
	fmt.Println(report.Line(c.seed))
	return report.Line(c.seed)
}

// must ends the test at an error of what it stands on.
func (c *chaos) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("seed %d: %v", c.seed, err)
	}
}

// shake lets users work, under faults.
func (c *chaos) shake(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, *durationFlag)
	defer cancel()
	n, err := nemesis.New(nemesis.Options{
		World: c.world, Dir: c.dir, Disks: c.disks, Seed: c.seed, Scale: *scaleFlag, Record: c.record, Recovery: recovery(), Only: only(),
		Say: c.tell,
	})
	c.must(err)
	broken := make(chan error, 1)
	go func() {
		var err error
		c.faults, err = n.Run(ctx)
		broken <- err
	}()
	go c.tick(ctx)
	c.must(c.load.Work(ctx))
	c.say("the users have gone")
	if err := <-broken; err != nil {
		c.t.Errorf("seed %d: %v", c.seed, err)
	}
	c.say(fmt.Sprint("faults: ", c.faults))
}

// quiesce heals all and waits until every job has ended.
func (c *chaos) quiesce(ctx context.Context) {
	c.must(c.world.Heal(ctx))
	var err error
	c.readmitted, err = c.world.Readmit(ctx)
	c.must(err)
	expire := scheduler.DefaultTiming().Scale(*scaleFlag).Expire
	if err := c.world.AllEnded(ctx, 3*expire+2*time.Minute); err != nil {
		c.t.Errorf("seed %d: %v", c.seed, err)
		return
	}
	c.say("every job has ended")
}

// collect writes down what is there at the end.
func (c *chaos) collect(ctx context.Context) {
	s := c.world.Servers[0]
	direct := workload.Door{URL: s.Direct(), Client: s.Client()}
	c.must(c.world.Jobs(ctx, func(j *api.Job) error {
		result, err := workload.Result(ctx, direct, c.world.Token, j)
		if err != nil {
			return err
		}
		line := record.View(j)
		line.Result = result
		return record.Write(c.record, line)
	}))
	findings, err := c.world.Findings(ctx)
	c.must(err)
	for _, f := range findings {
		c.must(record.Write(c.record, f))
	}
	orphans, err := c.world.Orphans()
	c.must(err)
	for _, o := range orphans {
		c.must(record.Write(c.record, o))
	}
	crashes, err := c.world.Crashes()
	c.must(err)
	for _, crash := range crashes {
		c.t.Errorf("seed %d: %s", c.seed, crash)
	}
	c.must(c.world.RightClocks()) // the last of all that has times of the store
	c.say("all is written down")
	for _, line := range c.world.Alone() {
		c.tell(line)
	}
}
