//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// inventory is what was found. It is replaced as a whole.
type inventory struct {
	cards   []*card // by NVML's index
	found   []found // likewise, as each last said; the zero value: it never did
	devices []gpu.Device
	parts   map[string]part // by UUID
	changes int             // grows when the devices are others
}

// card is a GPU by its index.
type card struct {
	index int
	busy  chan struct{} // held by the one who asks about it
	slow  slow          // of whoever holds busy
	stale atomic.Bool   // slow has to be asked anew
	said  atomic.Int32  // the code of its last answer to a look, or unasked
}

func newCard(index int) *card {
	c := &card{index: index, busy: make(chan struct{}, 1)}
	c.said.Store(unasked)
	return c
}

// unasked is no code of NVML: nobody has looked at this card. An agent may have
// been given a few of the cards only.
const unasked = -1

// found is what one GPU is. Its parts are what can be leased: itself, or its slices.
type found struct {
	uuid     string
	handle   nvml.Device
	mig      bool
	identity *gpu.Device // as a whole
	parts    []part
	notes    []string // warnings
	quiet    bool     // it did not answer, and is what it last was
}

// part is what a device is looked at with.
type part struct {
	gpu.Device
	card   *card
	handle nvml.Device // its own
	whole  nvml.Device // that of the GPU
}

// Devices lists the GPUs that are whole, and the slices of those that are cut. A
// GPU that does not answer, or not in time, is listed as it last was.
func (p *provider) Devices(ctx context.Context) ([]gpu.Device, error) {
	if err := p.refresh(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.devices), nil
}

// listed looks which devices there are, where nobody has yet.
func (p *provider) listed(ctx context.Context) error {
	if p.seen().changes > 0 {
		return nil
	}
	return p.refresh(ctx)
}

// refresh looks which devices there are.
func (p *provider) refresh(ctx context.Context) error {
	err, ok := within(ctx, p.looking, func() error { return p.look(ctx) })
	if !ok {
		return fmt.Errorf("the NVIDIA driver does not tell which GPUs there are: %w", ctx.Err())
	}
	return err
}

// look asks all GPUs at once, so that one that hangs costs nobody else's time.
func (p *provider) look(ctx context.Context) error {
	opening, cards, err := p.count()
	if err != nil {
		return err
	}
	p.mu.Lock()
	before := p.found
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, p.times.find)
	defer cancel()
	answers := make([]chan found, len(cards))
	for i, c := range cards {
		answers[i] = make(chan found, 1)
		go func() {
			last := last(before, i)
			f, ok := within(ctx, c.busy, func() found { return p.find(c, last) })
			if !ok {
				f = last.silent(i, "does not answer")
			}
			answers[i] <- f
		}()
	}
	now := make([]found, len(cards))
	for i := range now {
		now[i] = <-answers[i]
	}
	p.keep(opening, cards, now)
	return nil
}

func last(before []found, i int) found {
	if i < len(before) {
		return before[i]
	}
	return found{}
}

// count gives a card for each GPU that the driver has.
func (p *provider) count() (opening int, _ []*card, _ error) {
	opening, ok := p.gate.enter()
	if !ok {
		return 0, nil, errDetached
	}
	defer p.gate.leave()
	n, r := p.api.DeviceGetCount()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole = r
	if r != nvml.SUCCESS {
		return 0, nil, errors.New(reason(r))
	}
	cards := slices.Clone(p.cards)
	for i := len(cards); i < n; i++ {
		cards = append(cards, newCard(i))
	}
	return opening, cards[:n], nil
}

// keep puts the list together, in the order of NVML, which is that of the bus.
func (p *provider) keep(opening int, cards []*card, now []found) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if opening != p.gate.opening() {
		return // these handles are void
	}
	next := inventory{cards: cards, found: now, parts: map[string]part{}, changes: p.changes}
	moved(now)
	for _, f := range now {
		for _, x := range f.parts {
			x.Index = len(next.devices)
			next.devices = append(next.devices, x.Device)
			next.parts[x.UUID] = x
		}
	}
	if next.changes == 0 || !slices.Equal(next.devices, p.devices) {
		next.changes++
	}
	p.inventory = next
}

// moved forgets what a silent GPU was where another one says that it is that one:
// indices move up when a GPU before them is gone.
func moved(now []found) {
	told := map[string]bool{}
	for _, f := range now {
		if !f.quiet {
			told[f.uuid] = true
		}
	}
	for i, f := range now {
		if f.quiet && told[f.uuid] {
			now[i] = found{notes: f.notes, quiet: true}
		}
	}
}

// warnings of all cards; mu is held.
func (p *provider) warnings() (all []string) {
	for _, f := range p.found {
		all = append(all, f.notes...)
	}
	for _, uuid := range slices.Sorted(maps.Keys(p.silent)) {
		all = append(all, p.silent[uuid])
	}
	if wrongLists(p.version.driver) {
		all = append(all, "driver "+p.version.driver+" does not tell rightly which processes use a GPU: install 535.86 or later")
	}
	if !p.hostPIDs {
		all = append(all, "the agent runs in a container with pids of its own, and cannot tell whose the processes on a GPU are: "+
			"run it on the host, or share the host's pids (--pid=host)")
	}
	return all
}
