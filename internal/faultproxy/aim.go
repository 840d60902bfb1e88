package faultproxy

import (
	"bytes"
	"slices"
	"sync"
)

// watch tells of pieces that have a text in them. One that is spread over two
// pieces is not seen, which a small request never is; under TLS nothing is.
type watch struct {
	direction Direction
	text      []byte
	seen      chan struct{}
}

// Watch gives a value for each piece of a direction that has a text in it, once
// it was handed on, until stop is called: so that a fault can come in the middle
// of what the text belongs to.
func (l *Link) Watch(d Direction, text string) (seen <-chan struct{}, stop func()) {
	w := &watch{d, []byte(text), make(chan struct{}, backlog)}
	l.set(func(f *faults) { f.watches = append(f.watches, w) })
	return w.seen, sync.OnceFunc(func() {
		l.set(func(f *faults) { f.watches = slices.DeleteFunc(f.watches, func(o *watch) bool { return o == w }) })
	})
}

// LoseAnswerTo loses the answers to the next n requests that have a text in them,
// as Lose does; 0 ends it. It takes as given that a connection has one request at
// a time on its way, as those of HTTP/1.1 and of go-redis do.
func (l *Link) LoseAnswerTo(text string, n int) {
	l.set(func(f *faults) { f.aim, f.aimed = []byte(text), quota{next: n} })
}

// told tells those who watch of a piece that was handed on.
func (l *Link) told(d Direction, piece []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.faults.watches {
		if w.direction&d != 0 && bytes.Contains(piece, w.text) {
			event(w.seen)
		}
	}
}

// loses draws whether an answer is lost. The caller has the lock.
func (l *Link) loses(p *pair, d Direction, piece []byte) bool {
	if d == Requests {
		if bytes.Contains(piece, l.faults.aim) && l.faults.aimed.takes(l.random) {
			p.doomed = true
		}
		return false
	}
	return p.doomed || l.faults.lose.takes(l.random)
}
