package planted

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// lateFinish: a job ends while its host cannot reach the store. Its lease ends,
// another host runs it; then the first one tells of its end.
func lateFinish(l *lab) (jobs []int64) {
	a := l.host("h1")
	id := l.submit("late", 0.5, 4)
	l.lives(id, 1)
	_, release := a.link.Hold(faultproxy.Both)
	l.host("h2")
	l.lives(id, 2)
	release()
	return []int64{id}
}

// cutOff: a host cannot reach the store for longer than it may believe in its
// lease, while its job runs.
func cutOff(l *lab) (jobs []int64) {
	a := l.host("h1")
	id := l.submit("long", long)
	l.lives(id, 1)
	_, release := a.link.Hold(faultproxy.Both)
	l.host("h2")
	l.lives(id, 2)
	l.enough()
	release()
	return []int64{id}
}

// lostClaim: the store forgets a claim, after its job has ended.
func lostClaim(l *lab) (jobs []int64) {
	a := l.newHost("h1")
	id, lose := l.kept("twice", 0.3)
	a.start()
	l.await(id, "succeeded", 1)
	lose()
	return []int64{id}
}

// lostLease: the store forgets a lease whose host cannot be reached.
func lostLease(l *lab) (jobs []int64) {
	a, b := l.newHost("h1"), l.newHost("h2")
	id, lose := l.kept("forgotten", long)
	a.start()
	l.lives(id, 1)
	b.start()
	l.warm()
	_, release := a.link.Hold(faultproxy.Both)
	lose()
	l.lives(id, 2)
	l.enough()
	release()
	return []int64{id}
}

// cancelled: a job is cancelled after its claim and before its start, and news
// take their time to its host: the answer to the claim, the start, its answer,
// and then only the news of the cancel.
func cancelled(l *lab) (jobs []int64) {
	const late = 250 * time.Millisecond
	a := l.guest("h1")
	a.link.Delay(faultproxy.Both, faultproxy.Latency{Mean: late})
	id := l.submit("cancelled", 5)
	l.await(id, "leased", 1)
	<-time.After(late) // the host has the answer, the store not yet the start
	l.cancel(id)
	return []int64{id}
}

// slotNotFound: an agent is killed; the one that follows does not find the slot
// in which its job goes on.
func slotNotFound(l *lab) (jobs []int64) {
	a := l.host("h1")
	id := l.submit("hidden", long)
	l.lives(id, 1)
	l.host("h2")
	warm := l.warm()
	a.kill(l.t)
	slots, err := filepath.Glob(filepath.Join(a.folder(), "agent*", "slots"))
	l.must(err)
	for _, folder := range slots {
		l.must(os.Rename(folder, folder+".away"))
	}
	a.start()
	l.lives(id, 2)
	l.enough()
	return []int64{id, warm}
}

// long is how many seconds a job runs that should go on until it is enough.
const long = 120

// enough has all jobs end.
func (l *lab) enough() {
	l.t.Helper()
	l.must(os.WriteFile(filepath.Join(l.dir, "enough"), nil, 0o600))
}

// warm runs a job on the host that is free, which has an interpreter ready then.
func (l *lab) warm() int64 {
	l.t.Helper()
	id := l.submit("warm", 0.1)
	l.await(id, "succeeded", 1)
	return id
}

// lives waits until so many attempts of a job have said that they run.
func (l *lab) lives(id int64, attempts int) {
	l.t.Helper()
	l.eventually("an attempt runs", func() error {
		l.revive()
		rec, err := record.Read(l.truth())
		if err != nil {
			return err
		}
		started := 0
		for _, line := range rec.Truth {
			if line.Job == id && line.Kind == record.Start {
				started++
			}
		}
		if started < attempts {
			return notYetError{"begun"}
		}
		return nil
	})
}

// kept submits a job and has the store keep that much on disk; lose takes the
// store back to it.
func (l *lab) kept(name string, seconds ...float64) (id int64, lose func()) {
	l.t.Helper()
	id = l.submit(name, seconds...)
	from := l.now()
	if said := l.redis.Say(l.t, "SAVE"); !strings.HasPrefix(said, "+OK") {
		l.t.Fatal(said)
	}
	return id, func() {
		l.redis.Kill(l.t)
		l.redis.Restart(l.t)
		l.must(record.Write(l.record, record.Interval{Kind: record.Loss, FromNS: from, ToNS: l.now()}))
	}
}
