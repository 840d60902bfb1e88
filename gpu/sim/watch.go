package sim

import (
	"context"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// watchEvery is how often a watcher has the file looked at.
const watchEvery = 200 * time.Millisecond

// watcher is who hears of events. What it has not taken yet waits for it, up to
// mostWaiting: an event is told late rather than lost.
type watcher struct {
	waiting []gpu.Event // guarded by provider.mu
	more    chan struct{}
}

const mostWaiting = 4096

func (w *watcher) add(events []gpu.Event) {
	for _, e := range events {
		if len(w.waiting) == mostWaiting {
			return
		}
		e.At = boottime.Now()
		w.waiting = append(w.waiting, e)
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// Watch tells of Xids and of other devices, from now on. The channel is closed
// when ctx ends.
func (p *provider) Watch(ctx context.Context) <-chan gpu.Event {
	w := &watcher{more: make(chan struct{}, 1)}
	p.mu.Lock()
	p.watchers[w] = struct{}{}
	p.mu.Unlock()
	out := make(chan gpu.Event)
	go p.watch(ctx, w, out)
	return out
}

func (p *provider) watch(ctx context.Context, w *watcher, out chan<- gpu.Event) {
	defer close(out)
	defer p.forget(w)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.refresh(ctx)
		for _, e := range p.takeFrom(w) {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-tick.C:
		case <-w.more:
		case <-ctx.Done():
		}
	}
}

func (p *provider) takeFrom(w *watcher) []gpu.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := w.waiting
	w.waiting = nil
	return events
}

func (p *provider) forget(w *watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.watchers, w)
}
