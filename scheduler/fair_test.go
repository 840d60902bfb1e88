package scheduler_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// lab is hosts whose devices run jobs that end when the test says.
type lab struct {
	*world
	hosts   []*host
	running map[string]scheduler.Claimed // by device
	held    map[string]int
}

func newLab(w *world, hosts ...*host) *lab {
	return &lab{world: w, hosts: hosts, running: map[string]scheduler.Claimed{}, held: map[string]int{}}
}

func (l *lab) busy() map[string]bool {
	b := map[string]bool{}
	for uuid := range l.running {
		b[uuid] = true
	}
	return b
}

// fill lets every host take what it can.
func (l *lab) fill(onClaim func(user string)) {
	l.Helper()
	for _, h := range l.hosts {
		for c := h.choose(l.busy()); c.Kind == scheduler.ChoiceRun; c = h.choose(l.busy()) {
			won, err := h.claim(c)
			l.must(err)
			l.start(won)
			for _, uuid := range c.Devices {
				l.running[uuid] = won
			}
			l.held[won.Job.User] += len(c.Devices)
			onClaim(won.Job.User)
		}
	}
}

// end ends the job on a device.
func (l *lab) end(uuid string) {
	l.Helper()
	c := l.running[uuid]
	l.succeed(scheduler.LeaseRef{Job: c.Job.ID, Fence: c.Fence})
	for _, d := range c.Job.Attempt().Devices {
		delete(l.running, d)
		l.held[c.Job.User]--
	}
}

// endAny ends a random running job.
func (l *lab) endAny(r *rand.Rand) {
	l.Helper()
	var all []string
	for _, h := range l.hosts {
		for _, d := range h.inv.Devices {
			if _, on := l.running[d.UUID]; on {
				all = append(all, d.UUID)
			}
		}
	}
	l.end(all[r.IntN(len(all))])
}

// TestTwoUsersShare: while both wait, no claim puts one of them more than one
// device ahead, also where one had queued 500 before the other came, and on
// any number of devices.
func TestTwoUsersShare(t *testing.T) {
	for _, devices := range []int{1, 8} {
		w := newWorld(t, scheduler.DefaultTiming())
		perHost := (devices + 1) / 2
		l := newLab(w, w.host("a", perHost))
		if devices > 1 {
			l.hosts = append(l.hosts, w.host("b", perHost))
		}
		_, err := w.submitN("ana", 500)
		w.must(err)
		l.fill(func(string) {})
		_, err = w.submitN("bob", 100)
		w.must(err)
		waiting := map[string]int{"ana": 500 - devices, "bob": 100}
		started := map[string]int{}
		r := rand.New(rand.NewPCG(1, uint64(devices)))
		for waiting["ana"] > 0 && waiting["bob"] > 0 {
			l.endAny(r)
			l.fill(func(user string) {
				other := map[string]string{"ana": "bob", "bob": "ana"}[user]
				if waiting[other] > 0 && l.held[user] > l.held[other]+1 {
					t.Fatalf("%d devices: %s was given one and holds %d, %s holds %d and waits", devices, user, l.held[user], other, l.held[other])
				}
				waiting[user]--
				started[user]++
			})
		}
		// Both were served alike: bob's 100 took about 100 of ana's.
		if started["ana"] > started["bob"]+devices || started["bob"] > started["ana"]+2*devices {
			t.Errorf("%d devices: while both waited, %v were started", devices, started)
		}
	}
}

// TestPriorityGoesFirst, and only an admin may push ahead.
func TestPriorityGoesFirst(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	low := w.submit("ana", func(s *scheduler.Submission) { s.Request.Priority = -5 })
	usual := w.submit("ana")
	admin, err := w.s.Submit(w.ctx, scheduler.Who{User: "root", Admin: true}, []scheduler.Submission{{
		Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f", Request: scheduler.Request{Priority: 10},
	}}, "")
	w.must(err)
	_, err = w.submitN("ana", 1, func(s *scheduler.Submission) { s.Request.Priority = 1 })
	w.wantErr(err, scheduler.ErrInvalid)
	for _, want := range []scheduler.JobID{admin.IDs[0], usual, low} {
		c := h.take(nil)
		if c.Job.ID != want {
			t.Fatalf("took job %d, want %d", c.Job.ID, want)
		}
		w.succeed(w.start(c))
	}
}

func gpus(n int) func(*scheduler.Submission) {
	return func(s *scheduler.Submission) { s.Request.GPUs = &n }
}

// TestGangIsNotStarved: a job for all devices of a host waits while small ones
// keep coming, then the host keeps its devices, lets only short ones pass, and runs it.
func TestGangIsNotStarved(t *testing.T) {
	timing := scheduler.DefaultTiming()
	timing.GangWait = time.Millisecond
	w := newWorld(t, timing)
	l := newLab(w, w.host("a", 4))
	_, err := w.submitN("ana", 40)
	w.must(err)
	l.fill(func(string) {})
	gang := w.submit("bob", gpus(4))
	w.until("the gang has waited", func() bool {
		l.endAny(rand.New(rand.NewPCG(1, 1)))
		c := l.hosts[0].choose(l.busy())
		if c.Kind == scheduler.ChoiceHold {
			return c.Job == gang
		}
		l.fill(func(string) {})
		return false
	})
	for len(l.running) > 0 {
		for uuid := range l.running {
			l.end(uuid)
			break
		}
		l.fill(func(user string) {
			if user != "bob" {
				t.Fatal("a small job took a device that is kept")
			}
		})
		if len(l.running) == 4 {
			break
		}
	}
	w.wantState(gang, scheduler.Running)
}

// TestShortJobsPass a job that is held for, if they end before it can start.
func TestShortJobsPass(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := &host{inv: newWorldlessInventory(2)}
	o := h.offer(map[string]bool{"GPU-a-0": true})
	o.Devices[0].FreeBy = now.Add(time.Minute)
	gang := scheduler.Entry{Job: 1, User: "bob", Class: "gpus=2", Devices: 2, Since: now.Add(-time.Hour)}
	for _, c := range []struct {
		timeout time.Duration
		want    scheduler.ChoiceKind
	}{{30 * time.Second, scheduler.ChoiceRun}, {2 * time.Minute, scheduler.ChoiceHold}, {0, scheduler.ChoiceHold}} {
		small := scheduler.Entry{Job: 2, User: "ana", Class: "gpus=1", Devices: 1, Since: now, Timeout: c.timeout}
		got := scheduler.Pick(scheduler.View{Entries: []scheduler.Entry{gang, small}}, o, now, 0)
		if got.Kind != c.want {
			t.Errorf("a job of at most %s beside a held one: %+v, want %s", c.timeout, got, c.want)
		}
	}
}
