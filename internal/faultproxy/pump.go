package faultproxy

import (
	"io"
	"net"
	"sync"
	"time"
)

// pair is a client's connection and the one to the server that stands for it.
type pair struct {
	client, server *net.TCPConn
	done           chan struct{}
	doomed         bool // the answer to the request on its way is lost; under the link's lock
	once           sync.Once
}

// end resets both connections, and wakes who waits on their behalf.
func (p *pair) end() { p.close(reset) }

// finish closes both, of which all was said.
func (p *pair) finish() { p.close(func(c *net.TCPConn) { c.Close() }) }

func (p *pair) close(how func(*net.TCPConn)) {
	p.once.Do(func() {
		close(p.done)
		how(p.client)
		how(p.server)
	})
}

// reset closes a connection so that the peer hears of it at once, in the middle
// of whatever it reads or writes.
func reset(c *net.TCPConn) {
	c.SetLinger(0) //nolint:errcheck // of a closed connection
	c.Close()
}

func (p *pair) ends(d Direction) (from, to *net.TCPConn) {
	if d == Requests {
		return p.client, p.server
	}
	return p.server, p.client
}

const (
	window  = 64 << 10              // bytes of one piece
	trickle = 20 * time.Millisecond // how much of a throttled link's time one piece takes
)

// pump hands on what comes in one direction, piece by piece, until one side has
// nothing more to say or the pair is ended.
func (l *Link) pump(p *pair, d Direction, copies io.WriteCloser) {
	if copies != nil {
		defer copies.Close()
	}
	from, to := p.ends(d)
	buffer := make([]byte, window)
	for {
		n, err := from.Read(buffer[:l.piece(d)])
		if n > 0 && !l.pass(p, d, to, buffer[:n], copies) {
			p.end()
			return
		}
		if err != nil {
			l.gate(p, d, false) // an end is held back like all that is said
			to.CloseWrite()     //nolint:errcheck // the peer may have gone first
			return
		}
	}
}

// pass takes one piece over the link; false: the connection must end.
func (l *Link) pass(p *pair, d Direction, to *net.TCPConn, piece []byte, copies io.Writer) bool {
	l.gate(p, d, true)
	f := l.fate(p, d, piece)
	if f.lost || !p.wait(f.delay) {
		return false
	}
	if _, err := to.Write(piece); err != nil {
		return false
	}
	l.told(d, piece)
	if copies != nil {
		copies.Write(piece) //nolint:errcheck // whoever reads it may have met what it cannot read
	}
	return p.wait(f.pause)
}

// gate waits until nothing holds a direction back.
func (l *Link) gate(p *pair, d Direction, tell bool) {
	for h := l.holding(d); h != nil; h = l.holding(d) {
		if tell {
			event(h.arrived)
			tell = false
		}
		select {
		case <-h.over:
		case <-p.done:
			return
		}
	}
}

func (l *Link) holding(d Direction) *hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.faults.holds {
		if h.direction&d != 0 {
			return h
		}
	}
	return nil
}

// fate is what becomes of one piece.
type fate struct {
	lost         bool
	delay, pause time.Duration // before it arrives, and until the next one may
}

// fate draws a piece's, and flips its bit.
func (l *Link) fate(p *pair, d Direction, piece []byte) (f fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loses(p, d, piece) {
		l.counts.Lost++
		event(l.lost)
		return fate{lost: true}
	}
	if flip := l.faults.flip[d]; flip.takes(l.random) {
		l.faults.flip[d] = flip
		l.counts.Flipped++
		piece[l.random.IntN(len(piece))] ^= 1 << l.random.IntN(8)
	}
	if rate := l.faults.rate[d]; rate > 0 {
		f.pause = time.Duration(len(piece)) * time.Second / time.Duration(rate)
	}
	f.delay = l.faults.latency[d].draw(l.random.Float64)
	return f
}

func (y Latency) draw(random func() float64) time.Duration {
	if y == (Latency{}) {
		return 0
	}
	d := y.Mean + time.Duration((2*random()-1)*float64(y.Jitter))
	if random() < y.Loss {
		d += retransmission
	}
	return max(d, 0)
}

// piece is how many bytes are taken at once: few, where only few may pass.
func (l *Link) piece(d Direction) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := l.faults.rate[d]
	if rate <= 0 {
		return window
	}
	return min(window, max(1, int(time.Duration(rate)*trickle/time.Second)))
}

// wait waits on behalf of a pair; false: the pair was ended.
func (p *pair) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

// event tells who waits, and nobody if too many were told already.
func event(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
