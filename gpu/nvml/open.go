//go:build linux && cgo

package nvml

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/procinfo"
)

// Built reports whether Open can work in this binary.
const Built = true

// times are how often and how long; tests have shorter ones.
type times struct {
	slow   time.Duration // between two looks at what is slow
	scan   time.Duration // between two looks at which devices there are
	find   time.Duration // how long a GPU has to say what it is
	wait   time.Duration // how long one wait for events lasts
	letGo  time.Duration // how long calls have to end before the driver is let go
	pauses [2]time.Duration
}

// The wait for events is that of NVIDIA's device plugin. Whoever asks for a list
// is told it without the one GPU that hangs.
var usual = times{
	slow: time.Minute, scan: 5 * time.Second, find: 5 * time.Second, wait: 5 * time.Second,
	letGo: 10 * time.Second, pauses: [2]time.Duration{time.Second, 30 * time.Second},
}

// provider is a gpu.Provider.
type provider struct {
	library
	times    times
	gate     *gate
	hostPIDs bool

	looking chan struct{} // held by the one who looks which devices there are
	linking chan struct{} // held by the one who looks how near they are

	mu      sync.Mutex // guards what follows
	version version
	whole   nvml.Return       // what the driver last said when it was asked how many GPUs there are
	silent  map[string]string // GPUs whose Xids cannot be watched, and why; "" is all of them
	inventory
	kick chan struct{} // somebody saw that the devices have changed
}

// version is what the driver says of itself.
type version struct {
	driver, cuda string
}

// Open loads the driver's library and has it open the driver, which takes
// seconds where persistence mode is off. It stays open until Close. The error
// says in words why nothing can be asked, and what mends it.
func Open() (gpu.Provider, error) { return open(usual) }

func open(t times) (*provider, error) {
	l, err := load()
	if err != nil {
		return nil, err
	}
	p := &provider{
		library: l, times: t, gate: newGate(), hostPIDs: procinfo.HostPIDs(),
		looking: make(chan struct{}, 1), linking: make(chan struct{}, 1),
		silent: map[string]string{}, kick: make(chan struct{}, 1),
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, nil
}

// start opens the driver; the gate is closed.
func (p *provider) start() error {
	if r := p.api.Init(); r != nvml.SUCCESS {
		return notOpened(r)
	}
	v := p.versions()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version, p.whole, p.inventory = v, nvml.SUCCESS, inventory{}
	p.gate.open() // with the list still locked: what was found before belongs to another opening
	return nil
}

// Info tells what is asked, and whether it answers.
func (p *provider) Info() gpu.Info {
	detached := p.gate.isClosed()
	p.mu.Lock()
	defer p.mu.Unlock()
	return gpu.Info{
		Driver: p.version.driver, CUDA: p.version.cuda, Problem: p.problem(),
		Warnings: p.warnings(), Generation: gpu.DriverLoad(), Detached: detached,
	}
}

// Detach lets go of the driver. Calls that are under way have 10 s to end; if
// one does not, the driver is still held, nothing more is asked of it, and only
// the end of the process lets it go.
func (p *provider) Detach() error {
	if !p.gate.close(p.times.letGo) {
		return fmt.Errorf("the driver is still held: a call to it has not ended for %v", p.times.letGo)
	}
	if r := p.api.Shutdown(); r != nvml.SUCCESS && r != nvml.ERROR_UNINITIALIZED {
		return fmt.Errorf("let go of the driver: %w", r)
	}
	return nil
}

// Attach opens the driver again. The library is the one that was loaded first,
// also if another one lies on the disk by now.
func (p *provider) Attach() error {
	if !p.gate.isClosed() {
		return nil
	}
	return p.start()
}

// Close is Detach.
func (p *provider) Close() error { return p.Detach() }

// within runs a call that may hang, while it holds a place of one. When ctx ends
// first, false: the call goes on, and holds the place until it ends.
func within[T any](ctx context.Context, place chan struct{}, call func() T) (T, bool) {
	var none T
	select {
	case place <- struct{}{}:
	case <-ctx.Done():
		return none, false
	}
	answer := make(chan T, 1)
	go func() {
		defer func() { <-place }()
		answer <- call()
	}()
	select {
	case a := <-answer:
		return a, true
	case <-ctx.Done():
		return none, false
	}
}
