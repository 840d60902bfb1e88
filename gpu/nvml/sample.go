//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

var errDetached = errors.New("the NVIDIA driver was let go, so that an admin can reset a card or load another driver")

// Sample looks at one device now.
func (p *provider) Sample(ctx context.Context, uuid string) (gpu.Sample, error) {
	s := gpu.Sample{UUID: uuid, At: boottime.Now()}
	x, err := p.part(ctx, uuid)
	switch {
	case err != nil:
		s.Fault, s.Err = gpu.FaultDown, err.Error()
		return s, nil
	case x == nil:
		s.Fault, s.Err = gpu.FaultGone, "the driver does not list it"
		return s, nil
	}
	answer, ok := within(ctx, x.card.busy, func() gpu.Sample { return p.sample(x) })
	if ok && len(answer.Processes) > 0 {
		nobodys := answer
		answer, ok = within(ctx, make(chan struct{}, 1), func() gpu.Sample { return owners(nobodys) })
	}
	if !ok {
		s.Fault, s.Err = gpu.FaultTimeout, fmt.Sprintf("it has not answered for %v", (boottime.Now()-s.At).Round(1e8))
		return s, nil
	}
	return answer, nil
}

// part is what a device is looked at with, nil if there is no such device. An
// error: nothing is known, and the driver does not say.
func (p *provider) part(ctx context.Context, uuid string) (*part, error) {
	if p.gate.isClosed() {
		return nil, errDetached
	}
	if err := p.listed(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if x, ok := p.parts[uuid]; ok {
		return &x, nil
	}
	return nil, nil
}

// steps are asked in this order; the first that has a code instead of an answer
// ends the look.
var steps = []func(*provider, *part, *gpu.Sample) nvml.Return{
	(*provider).used, (*provider).processes, (*provider).sum, (*provider).mode, (*provider).readings, (*provider).health,
}

func (p *provider) sample(x *part) gpu.Sample {
	s := gpu.Sample{UUID: x.UUID, At: boottime.Now()}
	if _, ok := p.gate.enter(); !ok {
		s.Fault, s.Err = gpu.FaultDown, errDetached.Error()
		return s
	}
	defer p.gate.leave()
	for _, step := range steps {
		if r := step(p, x, &s); r != nvml.SUCCESS {
			return p.failed(x, s, r)
		}
	}
	x.card.said.Store(int32(nvml.SUCCESS))
	return s
}

// failed is a sample that says what the driver said instead of an answer.
func (p *provider) failed(x *part, s gpu.Sample, r nvml.Return) gpu.Sample {
	x.card.stale.Store(true) // the answers from before mean nothing
	if r == nvml.ERROR_UNKNOWN && barred() {
		r = nvml.ERROR_OPERATING_SYSTEM
	}
	x.card.said.Store(int32(r))
	f, text := fault(r), words(r)
	if f == gpu.FaultOther && p.isDown() {
		f, text = gpu.FaultDown, reason(r)
	}
	if f == gpu.FaultGone {
		p.changed()
	}
	return gpu.Sample{UUID: s.UUID, At: s.At, Fault: f, Err: text}
}

func (p *provider) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem() != ""
}

// used is the memory that applications have.
func (p *provider) used(x *part, s *gpu.Sample) nvml.Return {
	m, r := p.memory(x.handle)
	if untold(r) {
		s.Used = notKnown
		return nvml.SUCCESS
	}
	s.Used, s.WithReserve = m.used, m.reserve
	if r == nvml.SUCCESS {
		s.Readings.Free = &m.free
	}
	return r
}

// notKnown is Used until the processes are known.
const notKnown = -1

// sum is the memory in use of a GPU that has none of its own and uses the
// machine's: what its processes have. Where they are not known either, nothing
// says that it is free.
func (p *provider) sum(_ *part, s *gpu.Sample) nvml.Return {
	if s.Used != notKnown {
		return nvml.SUCCESS
	}
	if s.Unlisted {
		return nvml.ERROR_NOT_SUPPORTED
	}
	s.Used = 0
	for _, process := range s.Processes {
		s.Used += max(0, process.Memory)
	}
	return nvml.SUCCESS
}

func (p *provider) mode(x *part, s *gpu.Sample) nvml.Return {
	mode, r := told(&p.library, x.whole.GetComputeMode, "nvmlDeviceGetComputeMode")
	s.Prohibited = mode != nil && *mode == nvml.COMPUTEMODE_PROHIBITED
	return r
}
