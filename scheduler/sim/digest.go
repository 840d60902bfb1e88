package sim

import (
	"hash/maphash"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// digest names a set of facts: the sum of their hashes, whatever their order,
// so that a fact can be taken out again. Two sums of 64 bits each: in a million
// states a chance meeting is less likely than a fault of the machine.
type digest [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// hash gives the digest of one fact. Facts of different kinds have different types.
func hash[T comparable](fact T) (d digest) {
	for i, seed := range seeds {
		d[i] = maphash.Comparable(seed, fact)
	}
	return d
}

func (d *digest) add(other digest) { d[0] += other[0]; d[1] += other[1] }
func (d *digest) sub(other digest) { d[0] -= other[0]; d[1] -= other[1] }

// The kinds of facts, each with where it stands.
type (
	worldFact struct {
		elapsed, base, lostAt int64
		drained               bool // a host was closed: it may be opened
		losses                int
		backup                digest // of the replica
		old                   digest // of the master that was replaced
		held                  bool   // the server has seen the hold-off that runs
		heldSince             int64
	}
	jobFact struct {
		what string
		id   scheduler.JobID
		n    int64
	}
	promiseFact struct {
		id scheduler.JobID
		promise
	}
	toldFact struct {
		id scheduler.JobID
		told
	}
	sendingFact struct {
		id scheduler.JobID
		n  int
		sending
	}
	agentFact struct {
		index  int
		joined bool
		epoch  uint64
		claims int
		belief int64
	}
	leaseFact struct {
		agent int
		job   scheduler.JobID
		lease
	}
	processFact struct {
		agent  int
		device string
		process
	}
	pendingFact struct {
		index, part int
		what, key   string
		kind        store.EffectKind
		value       string
		n           int64
		holds       bool
	}
)

// digest names the state: two worlds with the same digest have the same future, but
// for what their budgets leave.
func (w *World) digest() digest {
	f := worldFact{elapsed: int64(w.elapsed), base: w.base.UnixNano(), lostAt: int64(w.lostAt), drained: w.used.Drains > 0, losses: w.losses}
	if w.backup != nil {
		f.backup = w.backup.digest()
	}
	if w.servesOld() {
		f.old = w.old.digest()
	}
	if since, seen := w.server.hold.Since(w.store.identity, w.store.version("spec:epoch")); seen {
		f.held, f.heldSince = true, int64(since)
	}
	d := hash(f)
	d.add(w.store.digest())
	w.digestJobs(&d)
	for i := range w.agents {
		w.agents[i].digest(&d, i)
	}
	for i := range w.pending {
		w.digestPending(&d, i)
	}
	for _, seen := range w.server.reaper.Sightings(w.store.version) {
		d.add(hash(seen))
	}
	return d
}

// digestJobs adds what is known of jobs outside the store.
func (w *World) digestJobs(d *digest) {
	for i, id := range w.live {
		d.add(hash(jobFact{"live", id, int64(i)}))
	}
	for id := range w.submitted {
		d.add(hash(jobFact{"submitted", id, 0}))
	}
	for id := range w.cancelled {
		d.add(hash(jobFact{"cancelled", id, 0}))
	}
	for id, fence := range w.accepted {
		d.add(hash(jobFact{"accepted", id, int64(fence)}))
	}
	for id, fence := range w.spared {
		d.add(hash(jobFact{"spared", id, int64(fence)}))
	}
	for id, p := range w.promised {
		d.add(hash(promiseFact{id, p}))
	}
	for id, t := range w.told {
		d.add(hash(toldFact{id, t}))
	}
	for id, sends := range w.sends {
		for i, s := range sends {
			d.add(hash(sendingFact{id, i, s}))
		}
	}
}

func (a *agent) digest(d *digest, i int) {
	d.add(hash(agentFact{i, a.joined, a.epoch, a.claims, int64(a.belief)}))
	for id, l := range a.leases {
		d.add(hash(leaseFact{i, id, l}))
	}
	for dev, p := range a.procs {
		d.add(hash(processFact{i, dev, p}))
	}
}

// digestPending adds a commit on its way. Of the versions that it guards only
// this matters: one that does not hold now never will again.
func (w *World) digestPending(d *digest, i int) {
	p := &w.pending[i]
	d.add(hash(pendingFact{index: i, part: -1, what: p.op, value: p.commit.Identity}))
	for n, g := range p.commit.Guards {
		d.add(hash(pendingFact{index: i, part: n, what: "guard", key: g.Key, holds: w.store.holds(g)}))
	}
	for n, e := range p.commit.Effects {
		d.add(hash(pendingFact{index: i, part: n, what: "effect", kind: e.Kind, key: e.Key, value: string(e.Value), n: e.N}))
	}
}

// What a store holds, without what no decision reads: the numbers of versions,
// of which only equality matters, and the logs.
type (
	identityFact string
	recordFact   struct {
		key, value string
		expires    int64
	}
	memberFact  struct{ index, member string }
	counterFact struct {
		key string
		n   int64
	}
)

// digest is kept up to date with each write.
func (s *Store) digest() digest {
	d := hash(identityFact(s.identity))
	d.add(s.sum)
	return d
}
