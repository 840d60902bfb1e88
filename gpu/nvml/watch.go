//go:build linux && cgo

package nvml

import (
	"context"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// Watch hands on Xids as they come, and that the devices are others, until ctx ends.
func (p *provider) Watch(ctx context.Context) <-chan gpu.Event {
	out := make(chan gpu.Event)
	send := func(e gpu.Event) {
		select {
		case out <- e:
		case <-ctx.Done():
		}
	}
	var both sync.WaitGroup
	both.Go(func() { p.watchXids(ctx, send) })
	seen := p.seen()
	both.Go(func() { p.watchDevices(ctx, seen, send) })
	go func() {
		both.Wait()
		close(out)
	}()
	return out
}

// changed has the devices looked at now.
func (p *provider) changed() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// watchDevices looks every few seconds which devices there are: the driver does
// not tell that a GPU was cut.
func (p *provider) watchDevices(ctx context.Context, seen sight, send func(gpu.Event)) {
	tick := time.NewTicker(p.times.scan)
	defer tick.Stop()
	for p.gate.untilOpen(ctx) {
		// While nothing can be asked the list stays what it was, and Info says why.
		_ = p.refresh(ctx)
		if now := p.seen(); now != seen && now.changes > 0 {
			if now != seen.first() {
				send(gpu.Event{At: boottime.Now(), GI: -1, CI: -1, Changed: true})
			}
			seen = now
		}
		select {
		case <-tick.C:
		case <-p.kick:
		case <-ctx.Done():
		}
	}
}

// sight is which list of devices is seen.
type sight struct{ opening, changes int }

// first is the first list, where there was none yet: no change.
func (s sight) first() sight {
	if s.changes > 0 {
		return s
	}
	return sight{s.opening, 1}
}

func (p *provider) seen() sight {
	opening := p.gate.opening()
	p.mu.Lock()
	defer p.mu.Unlock()
	return sight{opening, p.changes}
}
