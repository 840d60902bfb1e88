package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Reaper is what one process has itself seen of the signs of life. A lease is
// ended only if its agent was silent for Timing.Expire by this process's own
// clock, or by the store's where both ran alike all the while: a store's clock
// that jumps ends nothing, and keeps nothing. The zero value is ready. One
// goroutine owns it.
type Reaper struct {
	store  string // its identity: versions of another one say nothing
	seen   map[string]sighting
	agreed time.Time     // store's time since which both clocks ran alike; zero: not yet known
	offset time.Duration // store's time (since 1970) less our own, at agreed
	done   map[string]uint64
}

// sighting is when, on our own clock, a record first had this version.
type sighting struct {
	version uint64
	first   time.Duration
}

// evidence is a record that shows life: a host's heartbeat, or the joining of
// the process that replaced the one that a lease belongs to.
type evidence struct {
	key     string
	version uint64
	at      time.Time
}

// Clone gives a copy that goes its own way, for simulations.
func (r *Reaper) Clone() *Reaper {
	c := &Reaper{store: r.store, agreed: r.agreed, offset: r.offset, seen: make(map[string]sighting), done: make(map[string]uint64)}
	maps.Copy(c.seen, r.seen)
	maps.Copy(c.done, r.done)
	return c
}

// observe compares the clocks, and forgets what was seen in another store.
func (r *Reaper) observe(identity string, now time.Time, mono, slack time.Duration) {
	if r.seen == nil || r.store != identity {
		r.store, r.seen, r.done = identity, make(map[string]sighting), make(map[string]uint64)
	}
	offset := time.Duration(now.UnixNano()) - mono
	if r.agreed.IsZero() || (offset-r.offset).Abs() > slack {
		r.agreed, r.offset = now, offset
	}
}

// silent reports whether nothing came after the evidence for so long.
func (r *Reaper) silent(e evidence, now time.Time, mono time.Duration, t Timing) bool {
	s, known := r.seen[e.key]
	if !known || s.version != e.version {
		s = sighting{e.version, mono}
		r.seen[e.key] = s
	}
	watched := mono-s.first >= t.Expire
	alike := !e.at.Before(r.agreed) && now.Sub(e.at) >= t.Expire+clockSlack(t)
	return watched || alike
}

// clockSlack is by how much two clocks may differ and still count as agreeing.
func clockSlack(t Timing) time.Duration { return t.ReapEvery }

// Reap ends the leases whose agents are silent, with what r has seen until
// now. mono gives a clock of this process that nobody sets; it is asked after the
// store has answered, so that what is seen then had happened. It returns how many it ended.
func (s *Scheduler) Reap(ctx context.Context, r *Reaper, mono func() time.Duration) (int, error) {
	hosts, err := s.holders(ctx)
	if err != nil || len(hosts) == 0 {
		return 0, err
	}
	var q store.Query
	for _, host := range hosts {
		q.Keys = append(q.Keys, keyBeat(host), keyAgent(host))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("reap: %w", err)
	}
	f, own := newFacts(q, a), mono()
	r.observe(f.Identity, f.Now, own, clockSlack(s.opts.Timing))
	ended := 0
	var failed failures
	for _, host := range hosts {
		n, err := s.reapHost(ctx, r, f, host, own)
		ended += n
		if failed.end(ctx, err) {
			break
		}
	}
	s.damage.tellRecords(&s.opts.Log, f)
	return ended, failed.joined()
}

func (s *Scheduler) reapHost(ctx context.Context, r *Reaper, f *facts, host string, mono time.Duration) (int, error) {
	beat, beatVersion := orEmpty[beatRecord](f, keyBeat(host))
	agent, agentVersion := orEmpty[agentRecord](f, keyAgent(host))
	life := evidence{keyBeat(host), beatVersion, unstamp(beat.At)}
	join := evidence{keyAgent(host), agentVersion, unstamp(agent.Joined)}
	switch {
	case r.silent(life, f.Now, mono, s.opts.Timing):
		n, err := s.reapAll(ctx, host, life, "its agent fell silent", func(*Attempt) bool { return true })
		if err != nil || r.done[life.key] == life.version {
			return n, err
		}
		if IsConsumer(host) {
			err := s.leave(ctx, host, life)
			delete(r.seen, life.key) // its like come and go, and none under the same name
			delete(r.seen, join.key)
			return n, err
		}
		r.done[life.key] = life.version
		return n, s.hideHost(ctx, host, life)
	case r.silent(join, f.Now, mono, s.opts.Timing) && r.done[join.key] != join.version:
		n, err := s.reapAll(ctx, host, join, "its agent was replaced", func(a *Attempt) bool { return a.Epoch < agent.Epoch })
		if err == nil {
			r.done[join.key] = join.version
		}
		return n, err
	}
	return 0, nil
}

// reapAll ends the leases on a host that the evidence is against.
func (s *Scheduler) reapAll(ctx context.Context, host string, e evidence, cause string, concerns func(*Attempt) bool) (int, error) {
	ids, err := s.activeOn(ctx, host)
	if err != nil {
		return 0, fmt.Errorf("reap: %w", err)
	}
	n := 0
	for _, id := range ids {
		became, err := s.reapOne(ctx, id, host, e, cause, concerns)
		if errors.Is(err, errAlive) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if became != "" {
			n++
		}
		s.tally.reaped(became)
	}
	return n, nil
}

// errAlive: the sign of life came while the lease was about to be ended.
var errAlive = errors.New("it is alive")

func (s *Scheduler) reapOne(ctx context.Context, id JobID, host string, e evidence, cause string, concerns func(*Attempt) bool) (State, error) {
	t := transition[State]{name: "reap", freeing: true, query: endQuery(id)}
	t.decide = func(f *facts) (p plan[State], err error) {
		job, err := f.job(id)
		if err != nil || !job.State.Active() || job.Attempt().Host != host || !concerns(job.Attempt()) {
			return p, ignoreMissing(err)
		}
		p.guardElse(store.At(e.key, e.version), errAlive)
		p.value = p.lose(&job, fmt.Sprintf("%s: %s last heard %s", cause, host, silence(f.Now, e.at)), f)
		return p, nil
	}
	return run(ctx, s, t)
}

// hideHost has a silent host not woken any more. Its GPUs are waited for all the same.
func (s *Scheduler) hideHost(ctx context.Context, host string, e evidence) error {
	t := transition[struct{}]{name: "reap", freeing: true, decide: func(*facts) (p plan[struct{}], err error) {
		p.guardElse(store.At(e.key, e.version), errAlive)
		p.effect(store.Unindex(keyIdle, idleMember(host)))
		return p, nil
	}}
	_, err := run(ctx, s, t)
	return ignore(err, errAlive)
}

// Sighting is one record that a Reaper watches.
type Sighting struct {
	Key     string
	Current bool          // the version seen is the one that the store has now
	First   time.Duration // when it was first seen, on the reaper's own clock
	Done    bool          // what it proves was acted upon
	Agreed  time.Time     // since when the reaper's and the store's clock have run alike
	Offset  time.Duration // by how much they differ
}

// Sightings tells what r has seen, for simulations that compare states: all
// that its next step depends on, but not the numbers of versions.
func (r *Reaper) Sightings(current func(key string) uint64) []Sighting {
	out := make([]Sighting, 0, len(r.seen))
	for key, s := range r.seen {
		out = append(out, Sighting{key, s.version == current(key), s.first, r.done[key] == s.version, r.agreed, r.offset})
	}
	return out
}
