package agent_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// judged is a scheduler that checks at every claim what the agent can know: its
// devices were looked at right before, and no look found that one is not clean.
type judged struct {
	agent.Scheduler
	driver *scripted

	mu     sync.Mutex
	claims int
	wrong  []string
}

const (
	// lookedWithin is less than the pause between two looks in their turn.
	lookedWithin = time.Second
	// meanwhile: a look in its turn may fall between the claim's own and the claim.
	meanwhile = 20 * time.Millisecond
)

func (j *judged) Claim(ctx context.Context, c scheduler.ClaimRequest) (scheduler.Claimed, error) {
	j.driver.mu.Lock()
	var wrong []string
	for _, uuid := range c.Devices {
		if age := time.Since(j.driver.last[uuid]); age > lookedWithin {
			wrong = append(wrong, fmt.Sprintf("%s, looked at %v ago", uuid, age))
		}
		if since, bad := j.driver.bad[uuid]; bad && time.Since(since) > meanwhile {
			wrong = append(wrong, fmt.Sprintf("%s, not clean for %v", uuid, time.Since(since)))
		}
	}
	j.driver.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.claims++
	j.wrong = append(j.wrong, wrong...)
	return j.Scheduler.Claim(ctx, c)
}

// Drivers fail, people come and go, cards vanish and come back, all at random,
// while jobs run: none is ever claimed on a device whose last look was not clean.
func TestNothingIsClaimedOnADeviceInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	w := newWorld(t, 1)
	all := []string{"GPU-A", "GPU-B", "GPU-C"}
	p := newScripted(t, all...)
	j := &judged{Scheduler: w.sched, driver: p}
	w.start("h1", "", func(o *agent.Options) { o.Provider, o.Scheduler = p, j })
	r := rand.New(rand.NewPCG(7, 11))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var ids []scheduler.JobID
	for end := time.Now().Add(25 * time.Second); time.Now().Before(end); <-tick.C {
		uuid := all[r.IntN(len(all))]
		switch r.IntN(24) {
		case 0:
			p.used(uuid, gpu.Process{PID: 4711, Started: 9, UID: 1234, Name: "python", Memory: 8 << 30})
		case 1:
			p.faulty(uuid, []gpu.Fault{gpu.FaultTimeout, gpu.FaultDown}[r.IntN(2)], "of the test")
		case 2:
			p.list(slices.DeleteFunc(slices.Clone(all), func(u string) bool { return u == uuid && r.IntN(2) == 0 })...)
			p.events <- changed
		case 3, 4, 5, 6:
			ids = append(ids, w.submit(call("import time\ndef f(msg):\n    time.sleep(0.05)", nil)))
		default:
			p.clean(uuid)
		}
	}
	p.list(all...)
	for _, uuid := range all {
		p.clean(uuid)
	}
	p.events <- changed
	for _, id := range ids {
		w.awaitState(id, scheduler.Succeeded)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	t.Logf("%d claims for %d jobs", j.claims, len(ids))
	if len(j.wrong) > 0 {
		t.Errorf("claimed over %v", j.wrong)
	}
	if j.claims < len(ids)/2 {
		t.Errorf("only %d claims", j.claims)
	}
}
