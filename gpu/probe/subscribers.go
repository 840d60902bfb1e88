package probe

import (
	"context"
	"sync"

	"github.com/mlq-dev/mlq/gpu"
)

// mostWaiting is how many events may wait for a subscriber; older ones are left
// out for an event that says that everything may have changed.
const mostWaiting = 256

// subscribers get every event, each in its own time.
type subscribers struct {
	mu     sync.Mutex
	closed bool
	all    map[*subscriber]bool
}

type subscriber struct {
	mu      sync.Mutex
	waiting []gpu.Event
	ready   chan struct{} // has a token when something waits
	done    chan struct{} // closed by close
}

func (s *subscribers) add(ctx context.Context) <-chan gpu.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(chan gpu.Event)
	one := &subscriber{ready: make(chan struct{}, 1), done: make(chan struct{})}
	if s.closed {
		close(out)
		return out
	}
	if s.all == nil {
		s.all = map[*subscriber]bool{}
	}
	s.all[one] = true
	go func() {
		defer close(out)
		one.deliver(ctx, out)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, one)
	}()
	return out
}

func (s *subscribers) tell(e gpu.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.all {
		one.put(e)
	}
}

func (s *subscribers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for one := range s.all {
		close(one.done)
	}
}

func (s *subscriber) put(e gpu.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting = append(s.waiting, e); len(s.waiting) > mostWaiting {
		s.waiting = append([]gpu.Event{{At: e.At, GI: -1, CI: -1, Changed: true}}, s.waiting[len(s.waiting)-mostWaiting+1:]...)
	}
	select {
	case s.ready <- struct{}{}:
	default: // a token is there already
	}
}

func (s *subscriber) take() []gpu.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.waiting
	s.waiting = nil
	return events
}

func (s *subscriber) deliver(ctx context.Context, out chan<- gpu.Event) {
	for {
		for _, e := range s.take() {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			case <-s.done:
				return
			}
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return
		case <-s.done:
			return
		}
	}
}
