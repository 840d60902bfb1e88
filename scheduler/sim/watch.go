package sim

import (
	"context"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// backlog is how many notices a watcher may leave unread before it loses some.
const backlog = 256

// watchers hands notices on; one that is slow loses some and gets Lost in the
// one place that its channel has more.
type watchers struct {
	mu  sync.Mutex
	all []*watcher
}

type watcher struct {
	topics []string
	ch     chan store.Notice
}

func (h *watchers) add(ctx context.Context, topics []string) <-chan store.Notice {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watcher{topics: topics, ch: make(chan store.Notice, backlog+1)}
	h.all = append(h.all, w)
	context.AfterFunc(ctx, func() { h.drop(w) })
	return w.ch
}

func (h *watchers) drop(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.all, w); i >= 0 {
		h.all = slices.Delete(h.all, i, i+1)
		close(w.ch)
	}
}

func (h *watchers) publish(n store.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.all {
		if !slices.Contains(w.topics, n.Topic) {
			continue
		}
		switch len(w.ch) {
		case backlog + 1: // it ends in a Lost already
		case backlog:
			w.ch <- store.Notice{Lost: true}
		default:
			w.ch <- n
		}
	}
}

func (h *watchers) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.all {
		close(w.ch)
	}
	h.all = nil
}
