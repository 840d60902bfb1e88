package world

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// A failover promotes a replica that may lack what its master acknowledged last.
// What it lacks is known by offsets in the stream of writes: what was
// acknowledged before the master's offset was seen to be no more than what the
// replica was promoted with, was not lost. Offsets are of one history: a master that
// starts anew begins another, which its replica may not have followed when it is promoted.
//
// A master that is killed and comes back loses something, too: with appendfsync everysec
// Redis does not write to its file while the file is being synced, and acknowledges all
// the same (flushAppendOnlyFile in its aof.c; seed 30304). What waits is aof_buffer_length.

// watchEvery is how often both servers are looked at.
const watchEvery = 20 * time.Millisecond

// sight is what a server said of its replication.
type sight struct {
	at      time.Duration // before it was asked, on boottime's clock
	runID   string
	master  bool
	linked  bool   // a replica's link to its master is up
	waits   bool   // what it acknowledged may not be in its file
	offset  int64  // of its stream of writes
	history string // that the stream is of (Redis' replication id)
	// before is, of a server that was promoted, the history that it goes on from, and
	// second the first offset that is not of it; -1: it never was.
	before string
	second int64
}

func replication(ctx context.Context, r *Redis) (sight, error) {
	s := sight{at: boottime.Now()}
	text, err := r.Client.Info(ctx, "server", "replication", "persistence").Result()
	if err != nil {
		return s, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	s.runID, s.master, s.linked = fields["run_id"], fields["role"] == "master", fields["master_link_status"] == "up"
	s.waits = fields["aof_buffer_length"] != "0"
	s.history, s.before = fields["master_replid"], fields["master_replid2"]
	if s.offset, err = strconv.ParseInt(fields["master_repl_offset"], 10, 64); err != nil {
		return s, err
	}
	if s.second, err = strconv.ParseInt(fields["second_repl_offset"], 10, 64); err != nil {
		return s, err
	}
	return s, nil
}

// kept is how many sights of a master are remembered: with watchEvery, a minute.
const kept = 3000

// losses tells from what is seen of the two servers in which times what was
// acknowledged may be lost. It is fed with step, and has no clock.
type losses struct {
	last [2]sight
	past [2][]sight // of each, since it was no master for the last time
	// superseded: the other one was promoted over it, and it was not seen to know so.
	superseded [2]bool
	since      [2]time.Duration // when, at the earliest, it was promoted over the other one
	from       [2]time.Duration // since when it may acknowledge what is lost; 0: it cannot
	before     time.Duration    // the look before
	dead       [2]time.Duration // when, at the earliest, it was last found not to run
	filed      [2]time.Duration // until when all that a master acknowledged is in its file; 0: it is none
}

// look is one look at a server.
type look struct {
	sight
	seen bool // it answered
	dead bool // its process does not run
}

// step takes in one look at both, and gives the times that have ended.
func (l *losses) step(now time.Duration, looks [2]look) (ended []record.Interval) {
	for i := range looks {
		if promoted := looks[i]; promoted.seen && promoted.master && l.last[i].runID == promoted.runID && !l.last[i].master {
			l.supersede(1-i, shared(l.past[1-i], promoted.before, promoted.second-1))
		}
	}
	for i, at := range looks {
		ended = append(ended, l.unfiled(now, i, at)...)
		ended = append(ended, l.takenBack(now, i, looks)...)
		ended = append(ended, l.settle(now, i, at)...)
		if at.seen {
			l.remember(i, at.sight)
		}
		if at.dead {
			l.dead[i] = l.before
		}
	}
	l.before = now
	return ended
}

// unfiled is the time of a master that was killed in which what it acknowledged may have
// waited for its file.
func (l *losses) unfiled(now time.Duration, i int, at look) []record.Interval {
	from := l.filed[i]
	if from == 0 || !at.dead && (!at.seen || at.runID == l.last[i].runID) {
		return nil
	}
	l.filed[i] = 0
	return []record.Interval{{Kind: record.Loss, FromNS: int64(from), ToNS: int64(now)}}
}

// supersede opens the time of one over which the other was promoted. One that is open
// goes on.
func (l *losses) supersede(i int, from time.Duration) {
	l.superseded[i], l.since[1-i] = true, l.before
	if l.from[i] == 0 {
		l.from[i] = from
	}
}

// takenBack ends the times of both where the one that was promoted follows the other,
// which never knew: meanwhile what either had acknowledged was not there for all.
func (l *losses) takenBack(now time.Duration, i int, looks [2]look) (ended []record.Interval) {
	at, other := looks[i], looks[1-i]
	if !l.superseded[1-i] || l.since[i] == 0 || !at.seen || at.master || other.seen && !other.master {
		return nil
	}
	for _, from := range []time.Duration{l.from[1-i], l.since[i]} {
		if from != 0 {
			ended = append(ended, record.Interval{Kind: record.Loss, FromNS: int64(from), ToNS: int64(now)})
		}
	}
	l.superseded[1-i], l.from[1-i], l.since[i] = false, 0, 0
	return ended
}

// settle opens and closes the time of one that was superseded.
func (l *losses) settle(now time.Duration, i int, at look) []record.Interval {
	if !l.superseded[i] {
		return nil
	}
	if at.seen && !at.master {
		l.superseded[i] = false
	}
	switch harmless := at.dead || !l.superseded[i]; {
	case harmless && l.from[i] != 0:
		out := record.Interval{Kind: record.Loss, FromNS: int64(l.from[i]), ToNS: int64(now)}
		l.from[i] = 0
		return []record.Interval{out}
	case !harmless && l.from[i] == 0: // started again, it takes itself for the master
		l.from[i] = max(l.dead[i], 1)
	}
	return nil
}

func (l *losses) remember(i int, s sight) {
	l.last[i] = s
	switch {
	case !s.master:
		l.past[i], l.filed[i] = nil, 0
	case l.filed[i] == 0:
		l.filed[i] = max(l.before, 1)
	case !s.waits:
		l.filed[i] = s.at
	}
	if l.past[i] = append(l.past[i], s); len(l.past[i]) > 2*kept {
		l.past[i] = append(l.past[i][:1:1], l.past[i][kept:]...)
	}
}

// open gives the times that have not ended.
func (l *losses) open(now time.Duration) (all []record.Interval) {
	for _, from := range l.from {
		if from != 0 {
			all = append(all, record.Interval{Kind: record.Loss, FromNS: int64(from), ToNS: int64(now)})
		}
	}
	return all
}

// shared is until when all that a master acknowledged is in so many bytes of a history:
// while it followed the other one, which is promoted now, it acknowledged nothing.
func shared(past []sight, history string, offset int64) time.Duration {
	from := time.Duration(1)
	for _, s := range past {
		if !s.master || s.history == history && s.offset <= offset {
			from = max(from, s.at)
		}
	}
	return from
}

// watchLosses looks at both servers until ctx ends, and writes down each time.
func (s *Store) watchLosses(ctx context.Context, note func(record.Interval)) {
	var l losses
	for ctx.Err() == nil {
		var looks [2]look
		var both sync.WaitGroup
		for i, r := range s.Servers {
			both.Go(func() {
				alive := r.Running()
				seen, err := replication(ctx, r)
				looks[i] = look{sight: seen, seen: err == nil, dead: !alive && !r.Running()}
			})
		}
		both.Wait()
		for _, lost := range l.step(boottime.Now(), looks) {
			note(lost)
		}
		pause(ctx, watchEvery)
	}
	for _, lost := range l.open(boottime.Now()) {
		note(lost)
	}
}
