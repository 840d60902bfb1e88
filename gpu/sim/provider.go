package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// provider answers from a lab; where that is a file's, from what the file says now.
type provider struct {
	reader *reader // nil: nothing ever changes
	log    zerolog.Logger

	mu       sync.Mutex
	lab      *lab
	known    map[string]bool // every UUID that ever was
	problem  string          // of the file, "" while it is right
	detached bool
	watchers map[*watcher]struct{}
}

func newProvider(l *lab, r *reader, log zerolog.Logger) *provider {
	p := &provider{reader: r, log: log, lab: l, known: map[string]bool{}, watchers: map[*watcher]struct{}{}}
	p.learn(l)
	return p
}

func (p *provider) learn(l *lab) {
	for i := range l.devices {
		p.known[l.devices[i].UUID] = true
	}
}

// look gives the lab as it is now, and why the driver cannot be asked, "" if it can.
func (p *provider) look(ctx context.Context) (now *lab, down string) {
	p.refresh(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached {
		return p.lab, "the driver is detached"
	}
	return p.lab, p.lab.driver.down
}

// Devices lists those that the driver lists, in the order of the file.
func (p *provider) Devices(ctx context.Context) ([]gpu.Device, error) {
	l, err := p.ask(ctx)
	if err != nil {
		return nil, err
	}
	return l.listed(), nil
}

// Links are those of the devices that are listed.
func (p *provider) Links(ctx context.Context) ([]gpu.Link, error) {
	l, err := p.ask(ctx)
	if err != nil {
		return nil, err
	}
	links := slices.Clone(l.links)
	return slices.DeleteFunc(links, func(k gpu.Link) bool { return !l.lists(k.A) || !l.lists(k.B) }), nil
}

// ask is a question to the driver as a whole, which may take as long as the file says.
func (p *provider) ask(ctx context.Context) (*lab, error) {
	l, down := p.look(ctx)
	if err := wait(ctx, l.driver.hang); err != nil {
		return nil, err
	}
	if down != "" {
		return nil, errors.New(down)
	}
	return l, nil
}

// Sample says what the file says of a device, and nothing besides.
func (p *provider) Sample(ctx context.Context, uuid string) (gpu.Sample, error) {
	l, down := p.look(ctx)
	d := l.find(uuid)
	if d == nil && !p.knows(uuid) {
		return gpu.Sample{}, fmt.Errorf("no device %s here", uuid)
	}
	hang := l.driver.hang
	if d != nil {
		hang = max(hang, d.hang)
	}
	if err := wait(ctx, hang); errors.Is(err, context.DeadlineExceeded) {
		return fault(uuid, gpu.FaultTimeout, faultWords[gpu.FaultTimeout]), nil
	} else if err != nil {
		return gpu.Sample{}, err
	}
	switch {
	case down != "":
		return fault(uuid, gpu.FaultDown, down), nil
	case d == nil:
		return fault(uuid, gpu.FaultGone, faultWords[gpu.FaultGone]), nil
	}
	s := d.sample
	s.At = boottime.Now()
	s.Processes = slices.Clone(s.Processes) // whose is whose is marked in them
	return s, nil
}

func (p *provider) knows(uuid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[uuid]
}

func fault(uuid string, class gpu.Fault, words string) gpu.Sample {
	return gpu.Sample{UUID: uuid, At: boottime.Now(), Fault: class, Err: words}
}

// wait is a call that takes so long. It ends with its context.
func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Info is what the file says of the driver, and what is wrong with the file.
func (p *provider) Info() gpu.Info {
	l, down := p.look(context.Background())
	info := gpu.Info{Driver: l.driver.version, CUDA: l.driver.cuda, Problem: down, Generation: l.driver.load}
	info.Warnings = append(info.Warnings, l.driver.warnings...)
	if len(l.bare) > 0 {
		info.Warnings = append(info.Warnings, "in MIG mode without slices, so that nothing can run there: "+strings.Join(l.bare, ", "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.problem != "" {
		info.Warnings = append(info.Warnings, p.problem)
	}
	info.Detached = p.detached
	return info
}

// Detach lets go of a driver that there is not: everything is down until Attach.
func (p *provider) Detach() error { return p.detach(true) }

// Attach ends that.
func (p *provider) Attach() error { return p.detach(false) }

func (p *provider) detach(yes bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = yes
	return nil
}

// Close has nothing to free.
func (p *provider) Close() error { return nil }
