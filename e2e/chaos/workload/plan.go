// Package workload is what the users of a chaos run do: they submit jobs, look,
// wait, cancel, and run again what failed. What they mean to do is drawn from a
// seed; when it happens is the clock's.
package workload

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// intent is what one arrival means to do, drawn before it does anything.
type intent struct {
	n      int
	gap    time.Duration // since the arrival before
	user   int
	server int // of the first try

	do      string // what the job does, as job.py knows it
	seconds float64
	size    int // bytes of the result beyond its first line
	padding int // bytes that the source is longer by
	retries int
	after   int // the arrival so many before; 0: none
	batch   int // so many jobs in one request; 0: a single one

	again    bool          // the submit is sent once more, though it was answered
	cancel   time.Duration // after the submit; 0: never
	looks    int           // at the job, while it is on its way
	wait     time.Duration // on the server; 0: not
	requeues bool          // what failed or was cancelled
}

// kinds of jobs with their weights.
var kinds = []struct {
	do     string
	weight int
}{
	{"run", 72}, {"big", 8}, {"fail", 4}, {"flaky", 5}, {"daemon", 4}, {"stubborn", 4}, {"poison", 1}, {"padded", 2},
}

// plan draws intents one after the other.
type plan struct {
	seed uint64
	rate float64 // jobs a second
	n    int
}

// next draws one; each has numbers of its own, so that a new question asked of
// one arrival changes no other.
func (p *plan) next() intent {
	p.n++
	r := rand.New(rand.NewPCG(p.seed, uint64(p.n)))
	i := intent{
		n: p.n, gap: time.Duration(r.ExpFloat64() / p.rate * float64(time.Second)),
		user: r.IntN(len(users)), server: r.IntN(1 << 20), do: kind(r), seconds: seconds(r),
		again: r.IntN(10) == 0, looks: r.IntN(4), requeues: r.IntN(3) == 0,
	}
	switch i.do {
	case "big":
		i.do, i.size = "run", 10_000+r.IntN(200_000)
	case "padded":
		i.do, i.padding = "run", 10_000+r.IntN(50_000)
	case "flaky":
		i.retries = 1 + r.IntN(2)
	case "fail":
		i.retries = r.IntN(2)
	}
	if r.IntN(12) == 0 {
		i.cancel = time.Millisecond + time.Duration(r.IntN(1500))*time.Millisecond
	}
	if r.IntN(3) == 0 {
		i.wait = time.Duration(1+r.IntN(5)) * time.Second
	}
	if r.IntN(15) == 0 {
		i.after = 1 + r.IntN(5)
	}
	if r.IntN(60) == 0 {
		i.batch = 2 + r.IntN(7)
	}
	return i
}

// kind draws what a job does.
func kind(r *rand.Rand) string {
	all := 0
	for _, k := range kinds {
		all += k.weight
	}
	n := r.IntN(all)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.do
		}
	}
	panic("the weights do not add up")
}

// seconds draws how long a job runs: most are short, so that many meet each fault;
// a few outlive a lease.
func seconds(r *rand.Rand) float64 {
	switch n := r.IntN(100); {
	case n < 75:
		return 0.2 * r.Float64()
	case n < 98:
		return 0.2 + 0.8*r.Float64()
	}
	return 4 + 2*r.Float64()
}

// name is one that no other job of the run has.
func (i *intent) name(member int) string {
	if i.batch == 0 {
		return fmt.Sprintf("job-%d", i.n)
	}
	return fmt.Sprintf("job-%d-%d", i.n, member)
}
