package agent

import "sync"

// mailbox hands values from any goroutine to one reader, in order, and never
// makes a sender wait: a slot drops an agent that does not read, and a renewal
// must not wait for an attempt that is busy uploading.
type mailbox[T any] struct {
	mu    sync.Mutex
	items []T
	// ready has a token when there may be something to take.
	ready chan struct{}
}

func newMailbox[T any]() *mailbox[T] { return &mailbox[T]{ready: make(chan struct{}, 1)} }

func (m *mailbox[T]) put(v T) {
	m.mu.Lock()
	m.items = append(m.items, v)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take empties the mailbox.
func (m *mailbox[T]) take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = nil
	return items
}
