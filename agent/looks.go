package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// For how long the answer to a look is waited for.
const (
	lookWithin = 3 * time.Second
	// lookOverdue is what a provider may take longer than its context.
	lookOverdue = 250 * time.Millisecond
	// claimLook is how long the claim loop waits: a card that does not answer must
	// not keep the others from their jobs. NVML answers in milliseconds.
	claimLook = time.Second
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
	if err := a.held.Refuses(a.fleet.card(uuid)); err != nil {
		s.Unheld = err.Error()
	}
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

// lookAll looks at the devices now, at all of them at once; one that is not free
// is refused.
func (a *Agent) lookAll(ctx context.Context, uuids []string) error {
	refusals := make([]error, len(uuids))
	var all sync.WaitGroup
	for i, uuid := range uuids[1:] {
		all.Go(func() { refusals[i+1] = a.lookFree(ctx, uuid) })
	}
	refusals[0] = a.lookFree(ctx, uuids[0])
	all.Wait()
	return errors.Join(refusals...)
}

func (a *Agent) lookFree(ctx context.Context, uuid string) error {
	v, err := a.look(ctx, uuid, claimLook)
	switch {
	case errors.Is(err, errSilent):
		a.fleet.setSilent(uuid)
		return fmt.Errorf("device %s: %w", uuid, err)
	case err != nil:
		return fmt.Errorf("device %s: %w", uuid, err)
	case v.State != gpu.Free:
		a.fleet.lookAgain(uuid) // its turn may be 2 s away, and what was found soon gone
		return fmt.Errorf("device %s is %s: %s", uuid, v.State, v.Reason)
	}
	return nil
}
