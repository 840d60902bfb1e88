package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// Probe is a provider that asks a child process. Safe for concurrent use.
type Probe struct {
	opts  Options
	times Times
	now   state
	subs  subscribers

	// stop ends the keeping of children; kept is closed when it has ended.
	stop context.CancelFunc
	kept chan struct{}
}

// New starts a child, and another whenever one ends, until Close. It does not
// wait for the first: see Devices.
func New(o Options) (*Probe, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("probe: the command of the child must be given")
	}
	ctx, stop := context.WithCancel(context.Background())
	o = o.withDefaults()
	p := &Probe{opts: o, times: o.Times, stop: stop, kept: make(chan struct{})}
	p.now.init()
	go p.keep(ctx)
	return p, nil
}

// Devices lists the devices. While the first opening of the driver goes on, it
// waits for that. An error says that nothing can be told now; beside it is the
// list that was last told, nil if there never was one.
func (p *Probe) Devices(ctx context.Context) ([]gpu.Device, error) {
	if err := p.now.opened(ctx); err != nil {
		return nil, err
	}
	m, err := p.ask(ctx, lane{call: callDevices})
	if err != nil {
		devices, _ := p.now.lists()
		return devices, err
	}
	p.now.keepDevices(m.Devices)
	return m.Devices, nil
}

// Links says how near the devices are to each other; an error as of Devices.
func (p *Probe) Links(ctx context.Context) ([]gpu.Link, error) {
	if err := p.now.opened(ctx); err != nil {
		return nil, err
	}
	m, err := p.ask(ctx, lane{call: callLinks})
	if err != nil {
		_, links := p.now.lists()
		return links, err
	}
	p.now.keepLinks(m.Links)
	return m.Links, nil
}

// ask puts a question about the host as a whole.
func (p *Probe) ask(ctx context.Context, l lane) (message, error) {
	c, why := p.now.answering()
	if c == nil {
		return message{}, errors.New(why)
	}
	m, err := c.ask(ctx, l, p.times.Ask)
	if errors.Is(err, errEnded) {
		return m, errors.New(p.lostWords())
	}
	if err != nil {
		return m, fmt.Errorf("the driver, asked for its %s: %w", l.call, err)
	}
	if m.Error != "" {
		return m, errors.New(m.Error)
	}
	return m, nil
}

// Sample looks at a device. It answers within 3 s, at once if nothing can be
// asked; both are samples with a fault.
func (p *Probe) Sample(ctx context.Context, uuid string) (gpu.Sample, error) {
	c, why := p.now.answering()
	if c == nil {
		return instead(uuid, gpu.FaultDown, why), nil
	}
	m, err := c.ask(ctx, lane{callSample, uuid}, p.times.Sample)
	var late *lateError
	switch {
	case errors.As(err, &late):
		return instead(uuid, gpu.FaultTimeout, late.words), nil
	case errors.Is(err, errEnded):
		return instead(uuid, gpu.FaultDown, p.lostWords()), nil
	case err != nil:
		return gpu.Sample{}, err
	case m.Error != "":
		return gpu.Sample{}, errors.New(m.Error)
	case m.Sample == nil:
		return gpu.Sample{}, fmt.Errorf("the probe answered without a sample of %s", uuid)
	}
	return *m.Sample, nil
}

// lostWords are for who waited for the answer of a child that has ended.
func (p *Probe) lostWords() string {
	if why := p.now.problem(); why != "" {
		return why
	}
	return "the GPU probe was lost meanwhile"
}

func instead(uuid string, fault gpu.Fault, why string) gpu.Sample {
	return gpu.Sample{UUID: uuid, At: boottime.Now(), Fault: fault, Err: why}
}

// Watch hands on what the driver tells, and an event that everything may have
// changed whenever it was opened; the channel is closed when ctx ends.
func (p *Probe) Watch(ctx context.Context) <-chan gpu.Event { return p.subs.add(ctx) }

// Info tells what the child last said, or why there is none.
func (p *Probe) Info() gpu.Info { return p.now.info() }

// Detach ends the child, and returns when it is gone. An error: it is not, in
// which case it ends as soon as it can.
func (p *Probe) Detach() error {
	return p.now.detach(p.times.Quiet + p.times.Kill)
}

// Attach starts a child again. Info tells what comes of it.
func (p *Probe) Attach() error {
	p.now.attach()
	return nil
}

// Close ends the child and all that belongs to it. An error: the child hangs
// inside the kernel, and ends as soon as it can.
func (p *Probe) Close() error {
	err := p.Detach()
	p.stop()
	if err == nil {
		<-p.kept
	}
	p.subs.close()
	return err
}
