package faultproxy

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Direction is a way over a link.
type Direction int

// The directions. They add up.
const (
	Requests Direction = 1 << iota // from client to server
	Answers                        // from server to client
	Both     = Requests | Answers
)

// Latency is how long bytes are on their way. Each piece waits for the one
// before it, as with a window of 64 KiB, so that a latency also bounds what a
// transfer gets through.
type Latency struct {
	Mean, Jitter time.Duration // drawn evenly from Mean ± Jitter
	Loss         float64       // the share of pieces that are lost once, and come after another retransmission
}

// retransmission is how long TCP waits at the least before it sends a lost
// segment again: TCP_RTO_MIN of Linux.
const retransmission = 200 * time.Millisecond

// Counts are what a link has done to its connections since it began.
type Counts struct {
	Connections, Lost, Duplicated, Flipped, Cut int
}

// hold is a time in which bytes of a direction are kept back.
type hold struct {
	direction Direction
	arrived   chan struct{} // takes one for each piece kept
	over      chan struct{} // closed when they may pass
	end       func()        // closes it
}

// quota is how many of the next, or which share of them, something happens to.
type quota struct {
	next  int
	share float64
}

func (q *quota) takes(r *rand.Rand) bool {
	if q.next > 0 {
		q.next--
		return true
	}
	return q.share > 0 && r.Float64() < q.share
}

type faults struct {
	holds     []*hold
	latency   map[Direction]Latency
	rate      map[Direction]int
	flip      map[Direction]quota
	watches   []*watch
	lose      quota
	aim       []byte // the requests whose answers are lost
	aimed     quota  // and how many of them
	duplicate quota
	late      time.Duration
}

func faultless() faults {
	return faults{latency: map[Direction]Latency{}, rate: map[Direction]int{}, flip: map[Direction]quota{}}
}

// Cut resets all connections. New ones are accepted.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		l.counts.Cut++
		p.end()
	}
}

// Hold makes the link a black hole in a direction, until release is called: no
// byte passes, and no end of a connection. It loses nothing either: as with TCP
// over a broken path, what was sent arrives once the path is whole, also when
// its sender has long left. arrived gives one value for each piece kept back:
// with Answers, the server has then carried out the request. New connections
// are accepted, and stay silent.
func (l *Link) Hold(d Direction) (arrived <-chan struct{}, release func()) {
	over := make(chan struct{})
	h := &hold{d, make(chan struct{}, backlog), over, sync.OnceFunc(func() { close(over) })}
	l.set(func(f *faults) { f.holds = append(f.holds, h) })
	return h.arrived, func() {
		l.set(func(f *faults) { f.holds = slices.DeleteFunc(f.holds, func(o *hold) bool { return o == h }) })
		h.end()
	}
}

// Delay gives a direction a latency; the zero one ends it.
func (l *Link) Delay(d Direction, latency Latency) {
	l.set(func(f *faults) { each(d, func(d Direction) { f.latency[d] = latency }) })
}

// Throttle lets no more through than some bytes a second; 0 ends it.
func (l *Link) Throttle(d Direction, bytesPerSecond int) {
	l.set(func(f *faults) { each(d, func(d Direction) { f.rate[d] = bytesPerSecond }) })
}

// Lose loses the next n answers: the request was carried out, and instead of its
// answer the client sees its connection end. An answer is what the server says
// at once, so that of a long one the rest may be lost.
func (l *Link) Lose(n int) { l.set(func(f *faults) { f.lose = quota{next: n} }) }

// LoseOften loses a share (0 to 1) of all answers.
func (l *Link) LoseOften(share float64) { l.set(func(f *faults) { f.lose = quota{share: share} }) }

// Lost gives one value for each answer that was lost.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Flip flips one bit in each of the next n pieces of a direction.
func (l *Link) Flip(d Direction, n int) {
	l.set(func(f *faults) { each(d, func(d Direction) { f.flip[d] = quota{next: n} }) })
}

// Duplicate delivers each of the next n requests that change something once
// more, on a connection of its own and up to late later, and throws that answer
// away. copies.go says which requests, and who does so in earnest.
func (l *Link) Duplicate(n int, late time.Duration) {
	l.set(func(f *faults) { f.duplicate, f.late = quota{next: n}, late })
}

// DuplicateOften does so with a share (0 to 1) of them.
func (l *Link) DuplicateOften(share float64, late time.Duration) {
	l.set(func(f *faults) { f.duplicate, f.late = quota{share: share}, late })
}

// Heal ends all that was set on the link, holds too. Copies of requests that are
// on their way still arrive.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.faults.holds {
		h.end()
	}
	l.faults = faultless()
}

// Counts says what the link has done so far.
func (l *Link) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

func (l *Link) set(change func(*faults)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.faults)
}

// each calls f with each single direction in d.
func each(d Direction, f func(Direction)) {
	for _, one := range []Direction{Requests, Answers} {
		if d&one != 0 {
			f(one)
		}
	}
}
