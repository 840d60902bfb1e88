package agent_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// 8 devices on 2 agents, and 1,000 jobs of 20 ms: no device is idle for more
// than half a second while jobs wait. On a machine that is busy with other things,
// one of three times.
func TestManyShortJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const jobs, mostIdle, times = 1000, 500 * time.Millisecond, 3
	w := newRedisWorld(t, 1, nil)
	w.start("h1", "cpu:4", nil)
	w.start("h2", "cpu:4", nil)
	body := call("import time\ndef f(msg):\n    time.sleep(0.02)", nil)
	warm := w.submitAs("ana", slices.Repeat([]string{body}, 16)...)
	for _, id := range warm {
		w.awaitState(id, scheduler.Succeeded)
	}
	for n := 1; ; n++ {
		idle := w.idleWhile(t, slices.Repeat([]string{body}, jobs))
		t.Logf("idle between two jobs: median %v, p99 %v, most %v", idle[len(idle)/2], idle[len(idle)*99/100], idle[len(idle)-1])
		most := idle[len(idle)-1]
		if most <= mostIdle {
			return
		}
		if n == times {
			t.Fatalf("a device was idle for %v while jobs waited", most)
		}
	}
}

// idleWhile runs jobs on 8 devices, each once, and gives how long these lay idle, in order.
func (w *world) idleWhile(t *testing.T, bodies []string) []time.Duration {
	t.Helper()
	began := time.Now()
	ids := w.submitAs("ana", bodies...)
	w.awaitState(ids[len(ids)-1], scheduler.Succeeded)
	busy := map[string][]scheduler.Attempt{}
	lastClaim := time.Time{}
	for _, id := range ids {
		job := w.awaitState(id, scheduler.Succeeded)
		if len(job.Attempts) != 1 {
			t.Errorf("job %d had %d attempts", id, len(job.Attempts))
		}
		a := *job.Attempt()
		busy[a.Devices[0]] = append(busy[a.Devices[0]], a)
		if a.Claimed.After(lastClaim) {
			lastClaim = a.Claimed
		}
	}
	t.Logf("%d jobs in %v", len(bodies), time.Since(began))
	if len(busy) != 8 {
		t.Errorf("%d devices were used", len(busy))
	}
	return slices.Sorted(slices.Values(gaps(t, busy, lastClaim)))
}

// gaps gives how long each device lay idle between two leases, as long as jobs
// waited, and checks that no device had two at once.
func gaps(t *testing.T, busy map[string][]scheduler.Attempt, until time.Time) (idle []time.Duration) {
	for uuid, attempts := range busy {
		slices.SortFunc(attempts, func(a, b scheduler.Attempt) int { return a.Claimed.Compare(b.Claimed) })
		for i := 1; i < len(attempts); i++ {
			gap := attempts[i].Claimed.Sub(attempts[i-1].Ended)
			if gap < 0 {
				t.Errorf("device %s had two leases at once", uuid)
			}
			idle = append(idle, gap)
		}
		if last := attempts[len(attempts)-1].Ended; last.Before(until) {
			idle = append(idle, until.Sub(last))
		}
	}
	return idle
}

// Two users queue together: while both wait, neither holds more than one
// device more than the other.
func TestTwoUsersShareFairly(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, 1, nil)
	w.start("h1", "cpu:2", nil)
	w.start("h2", "cpu:2", nil)
	body := call("import time\ndef f(msg):\n    time.sleep(1)", nil)
	many := slices.Repeat([]string{body}, 30)
	ids := map[string][]scheduler.JobID{}
	var mu sync.Mutex
	var both sync.WaitGroup
	for _, user := range []string{"ana", "ben"} {
		both.Go(func() {
			got := w.submitAs(user, many...)
			mu.Lock()
			defer mu.Unlock()
			ids[user] = got
		})
	}
	both.Wait()
	var changes []change
	firstBoth, lastBoth := time.Time{}, time.Time{}
	for user, list := range ids {
		var first, last time.Time
		for _, id := range list {
			job := w.awaitState(id, scheduler.Succeeded)
			a := job.Attempt()
			changes = append(changes, change{a.Claimed, user, 1}, change{a.Ended, user, -1})
			if first.IsZero() || job.QueuedAt.After(first) {
				first = job.QueuedAt
			}
			if a.Claimed.After(last) {
				last = a.Claimed
			}
		}
		if first.After(firstBoth) {
			firstBoth = first
		}
		if lastBoth.IsZero() || last.Before(lastBoth) {
			lastBoth = last
		}
	}
	// A view read before both waited shows one of them only.
	if d, blame := unfairness(changes, firstBoth.Add(glance), lastBoth); d > 1 {
		t.Errorf("while both waited, one held %d devices more than the other, after %v", d, blame)
	}
}

// change is a device taken (1) or given back (−1) by a user.
type change struct {
	at   time.Time
	user string
	n    int
}

// glance is how old a view of the queue may be when its claim is committed, on
// a machine that does much else. Jobs take five times as long, so that who holds
// too much is seen holding it.
const glance = 200 * time.Millisecond

// unfairness is how many devices more than the other user one held, at most,
// right after a claim between from and to. A device that the other gave back
// within a glance before counts as still held: the claim could not know.
func unfairness(changes []change, from, to time.Time) (most int, blame []change) {
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	held := map[string]int{}
	settled := false // what was taken before both waited is given back
	for i, c := range changes {
		held[c.user] += c.n
		settled = settled || !c.at.Before(from) && held["ana"] == held["ben"]
		if c.n < 0 || !settled || !c.at.Before(to) {
			continue
		}
		rival := other(c.user)
		if d := held[c.user] - held[rival] - justGiven(changes[:i], rival, c.at); d > most {
			most = d
			blame = changes[max(0, i-8) : i+1]
		}
	}
	return most, blame
}

func justGiven(before []change, user string, at time.Time) (n int) {
	for _, c := range slices.Backward(before) {
		if at.Sub(c.at) > glance {
			break
		}
		if c.user == user && c.n < 0 {
			n++
		}
	}
	return n
}

func other(user string) string {
	if user == "ana" {
		return "ben"
	}
	return "ana"
}
