// Package hub hands notices to the watchers of their topics, inside one
// process. It never waits for a watcher: one that does not keep up loses
// notices, and is told so.
package hub

import (
	"context"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Backlog is how many notices a watcher may leave unread before it loses some.
const Backlog = 256

// Hub is a set of watchers. The zero value is ready to use.
type Hub struct {
	mu     sync.Mutex
	topics map[string][]*watcher
	closed bool
}

// watcher is one call of Watch. Its channel has a place more than Backlog, which
// only a Lost takes: a full channel therefore always ends in one.
type watcher struct {
	topics []string
	ch     chan store.Notice
}

// Watch registers a watcher until stop is called, ctx ends or the hub closes;
// each of them closes its channel. gone, which may be nil, is called once after
// stop or ctx did.
func (h *Hub) Watch(ctx context.Context, topics []string, gone func()) (ch <-chan store.Notice, stop func(), err error) {
	w := &watcher{topics: distinct(topics), ch: make(chan store.Notice, Backlog+1)}
	if !h.add(w) {
		return nil, nil, store.ErrClosed
	}
	leave := sync.OnceFunc(func() {
		h.remove(w)
		if gone != nil {
			gone()
		}
	})
	context.AfterFunc(ctx, leave)
	return w.ch, leave, nil
}

// Publish hands a notice to the watchers of its topic.
func (h *Hub) Publish(n store.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.topics[n.Topic] {
		w.offer(n)
	}
}

// Lost tells the watchers of a topic that notices may have been missed.
func (h *Hub) Lost(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.topics[topic] {
		w.lost()
	}
}

// Close ends all watchers, and those to come.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, watchers := range h.topics {
		for _, w := range slices.Clone(watchers) {
			h.drop(w)
		}
	}
}

func (h *Hub) add(w *watcher) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	if h.topics == nil {
		h.topics = make(map[string][]*watcher)
	}
	for _, topic := range w.topics {
		h.topics[topic] = append(h.topics[topic], w)
	}
	return true
}

func (h *Hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed { // Close has dropped it already
		h.drop(w)
	}
}

// drop forgets w and closes its channel; under the lock, so that nobody offers
// to a closed channel.
func (h *Hub) drop(w *watcher) {
	for _, topic := range w.topics {
		rest := slices.DeleteFunc(h.topics[topic], func(o *watcher) bool { return o == w })
		h.topics[topic] = rest
		if len(rest) == 0 {
			delete(h.topics, topic)
		}
	}
	close(w.ch)
}

// offer gives w the notice, or the word that it lost some. Only the holder of
// the hub's lock sends, so the room seen here cannot shrink.
func (w *watcher) offer(n store.Notice) {
	if len(w.ch) < Backlog {
		w.ch <- n
		return
	}
	w.lost()
}

func (w *watcher) lost() {
	select {
	case w.ch <- store.Notice{Lost: true}:
	default: // full, so a Lost is the last of the backlog already
	}
}

func distinct(topics []string) []string {
	sorted := slices.Sorted(slices.Values(topics))
	return slices.Compact(sorted)
}
