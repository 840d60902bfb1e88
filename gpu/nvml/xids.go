//go:build linux && cgo

package nvml

import (
	"context"
	"fmt"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// watchXids hands on Xids. A set of events is made anew when it fails, after a
// pause that grows, and when the devices are others.
func (p *provider) watchXids(ctx context.Context, send func(gpu.Event)) {
	pause := p.times.pauses[0]
	for p.gate.untilOpen(ctx) {
		began := time.Now()
		if p.watchSet(ctx, send) {
			pause = p.times.pauses[0]
			continue
		}
		if time.Since(began) > p.times.pauses[1] {
			pause = p.times.pauses[0]
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, p.times.pauses[1])
	}
}

// watched is a set of events, and which GPU a handle in it is: a lost GPU cannot
// be asked for its UUID when its Xid comes.
type watched struct {
	set     nvml.EventSet
	uuids   map[nvml.Device]string
	seen    sight
	missing bool // a GPU did not answer: try again later
}

// watchSet reports whether another set may be made at once.
func (p *provider) watchSet(ctx context.Context, send func(gpu.Event)) bool {
	w, ok := p.register(ctx)
	if !ok {
		return false
	}
	defer p.free(w)
	again := time.Now().Add(p.times.pauses[1])
	for ctx.Err() == nil && p.seen() == w.seen {
		if w.missing && time.Now().After(again) {
			return true
		}
		e, r, ok := p.wait(w)
		switch {
		case !ok:
			return true // detached
		case r == nvml.SUCCESS:
			p.hand(w, e, send)
		case r != nvml.ERROR_TIMEOUT:
			return false
		}
	}
	return true
}

// register makes a set with all GPUs in it.
func (p *provider) register(ctx context.Context) (*watched, bool) {
	if !p.has("nvmlEventSetCreate") || !p.has("nvmlDeviceRegisterEvents") || !p.has(eventWait...) {
		p.silence("", "this driver does not tell Xids: a GPU that fails is noticed only when it does not answer")
		return nil, false
	}
	if p.listed(ctx) != nil {
		return nil, false
	}
	opening, ok := p.gate.enter()
	if !ok {
		return nil, false
	}
	defer p.gate.leave()
	p.mu.Lock()
	w := &watched{uuids: map[nvml.Device]string{}, seen: sight{opening, p.changes}}
	all := p.found
	p.mu.Unlock()
	set, r := p.api.EventSetCreate()
	if r != nvml.SUCCESS {
		p.silence("", "Xids cannot be watched: "+words(r))
		return nil, false
	}
	p.silence("", "")
	w.set = set
	for _, f := range all {
		if f.handle != nil {
			p.join(w, f)
		}
	}
	return w, true
}

// join puts a GPU into the set. Its handle stands for its UUID from now on.
func (p *provider) join(w *watched, f found) {
	w.uuids[f.handle] = f.uuid
	r := f.handle.RegisterEvents(nvml.EventTypeXidCriticalError, w.set)
	switch {
	case r == nvml.SUCCESS:
		p.silence(f.uuid, "")
	case untold(r):
		p.silence(f.uuid, fmt.Sprintf("Xids of GPU %s cannot be watched: its driver does not tell them", f.uuid))
	default:
		w.missing = true
		p.silence(f.uuid, fmt.Sprintf("Xids of GPU %s cannot be watched: %s", f.uuid, words(r)))
	}
}

// silence notes that Xids of a GPU cannot be watched, and why; "": they can.
func (p *provider) silence(uuid, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if why == "" {
		delete(p.silent, uuid)
		return
	}
	p.silent[uuid] = why
}

// wait waits for the next event; false: the set is void.
func (p *provider) wait(w *watched) (nvml.EventData, nvml.Return, bool) {
	opening, ok := p.gate.enter()
	if !ok {
		return nvml.EventData{}, nvml.ERROR_UNINITIALIZED, false
	}
	defer p.gate.leave()
	if opening != w.seen.opening {
		return nvml.EventData{}, nvml.ERROR_UNINITIALIZED, false
	}
	e, r := w.set.Wait(uint32(p.times.wait.Milliseconds()))
	return e, r, true
}

func (p *provider) free(w *watched) {
	opening, ok := p.gate.enter()
	if !ok {
		return // it went with the library
	}
	defer p.gate.leave()
	if opening == w.seen.opening && p.has("nvmlEventSetFree") {
		_ = w.set.Free() // nothing can be done about it, and it is small
	}
}

// hand hands an Xid on. What is known of the GPU's health may be another now.
func (p *provider) hand(w *watched, e nvml.EventData, send func(gpu.Event)) {
	if e.EventType != nvml.EventTypeXidCriticalError {
		return
	}
	uuid := w.uuids[e.Device]
	p.mu.Lock()
	for i, f := range p.found {
		if f.uuid == uuid {
			p.cards[i].stale.Store(true)
		}
	}
	p.mu.Unlock()
	send(gpu.Event{At: boottime.Now(), UUID: uuid, GI: instance(e.GpuInstanceId), CI: instance(e.ComputeInstanceId), Xid: int(e.EventData)})
}

func instance(id uint32) int {
	if id == noSlice {
		return -1
	}
	return int(id)
}
