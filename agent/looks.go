package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// How often a device is looked at, and for how long an answer is waited for.
const (
	lookEvery  = 2 * time.Second
	lookWithin = 3 * time.Second
	// lookOverdue is what a provider may take longer than its context.
	lookOverdue = 250 * time.Millisecond
	// claimLook is how long the claim loop waits: a card that does not answer must
	// not keep the others from their jobs. NVML answers in milliseconds.
	claimLook = time.Second
	// settleEvery is the pause before the second of two clean looks, and
	// clearEvery the shortest between two looks at what a lease left.
	settleEvery = gpu.Apart + 10*time.Millisecond
	clearEvery  = 10 * time.Millisecond
	// mostOut is how many looks at a device may be under way: the one of its turn,
	// and one of a claim.
	mostOut = 2
)

// errSilent: the driver did not answer a look in time.
var errSilent = errors.New("the driver does not answer in time")

// looks counts the looks that are under way, by device.
type looks struct {
	mu  sync.Mutex
	out map[string]int
}

func (l *looks) begin(uuid string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		l.out = map[string]int{}
	}
	if l.out[uuid] >= mostOut {
		return false
	}
	l.out[uuid]++
	return true
}

func (l *looks) end(uuid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out[uuid]--; l.out[uuid] == 0 {
		delete(l.out, uuid)
	}
}

// watchDevice looks at one device until ctx ends, and waits for no other.
func (a *Agent) watchDevice(ctx context.Context, uuid string) {
	for ctx.Err() == nil {
		if _, err := a.look(ctx, uuid, lookWithin+lookOverdue); err != nil && ctx.Err() == nil {
			a.took(gpu.Sample{UUID: uuid, At: a.now(), Fault: gpu.FaultTimeout, Err: "no answer within " + lookWithin.String()})
		}
		pause, wake := a.fleet.nextLook(uuid)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		}
		timer.Stop()
	}
}

// look looks at a device now. errSilent: there was no answer within so long, or
// earlier looks have none yet. An answer that comes later still counts.
func (a *Agent) look(ctx context.Context, uuid string, within time.Duration) (gpu.Verdict, error) {
	if !a.looks.begin(uuid) {
		return gpu.Verdict{}, errSilent
	}
	done := make(chan gpu.Verdict, 1)
	go func() {
		defer a.looks.end(uuid)
		by := a.fleet.holderOf(uuid)
		s := a.ask(ctx, uuid)
		if ctx.Err() == nil {
			s.Processes = attributed(s.Processes, by)
			done <- a.took(s)
		}
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case v := <-done:
		return v, nil
	case <-timer.C:
		return gpu.Verdict{}, errSilent
	case <-ctx.Done():
		return gpu.Verdict{}, ctx.Err()
	}
}

// ask has the driver's answer, or what kept it from answering.
func (a *Agent) ask(ctx context.Context, uuid string) gpu.Sample {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	s, err := a.opts.Provider.Sample(ctx, uuid)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return gpu.Sample{UUID: uuid, At: a.now(), Fault: gpu.FaultTimeout, Err: "no answer within " + lookWithin.String()}
	case err != nil: // not about the device: its health is not touched
		return gpu.Sample{UUID: uuid, At: a.now(), Fault: gpu.FaultDown, Err: err.Error()}
	}
	s.UUID = uuid
	return s
}

// attributed marks what belongs to the lease that has the device.
func attributed(processes []gpu.Process, by holder) []gpu.Process {
	marked := make([]gpu.Process, len(processes))
	for i, p := range processes {
		p.Ours = by.owns(&p)
		marked[i] = p
	}
	return marked
}

// nextLook is pure: when a device is looked at again. What a lease left is looked
// at as often as half the time that it has been there; a device that needs a
// second clean look to be free gets it soon; all else has its turn.
func nextLook(kind gpu.Kind, v gpu.Verdict, e gpu.Evidence, now time.Duration) time.Duration {
	last, looked := latest(e.Samples)
	switch {
	case !looked || last.Fault != gpu.FaultNone || e.Lease != nil:
		return lookEvery
	case e.Ended != 0 && v.State != gpu.Free:
		return clamp((now-e.Ended)/2, clearEvery, lookEvery)
	case v.State == gpu.Unknown && kind == gpu.KindCPU:
		return clearEvery // nobody else can use a CPU slot
	case v.State == gpu.Unknown, v.State == gpu.Foreign && justLeft(e.Samples):
		return settleEvery
	}
	return lookEvery
}

// justLeft: the last look is the first without the processes of others.
func justLeft(samples []gpu.Sample) bool {
	n := len(samples)
	return n > 1 && len(samples[n-1].Processes) == 0 && len(samples[n-2].Processes) > 0
}

func latest(samples []gpu.Sample) (gpu.Sample, bool) {
	if len(samples) == 0 {
		return gpu.Sample{}, false
	}
	return samples[len(samples)-1], true
}
