package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// ForgetHost forgets the host of an agent that is gone for good: it counts no more
// for what can ever run, and CPU slots may stand in for its GPUs. What an admin closed stays
// closed, and a host that comes back is there again. Refusals: ErrUnknownHost,
// ErrHostAlive, ErrHostBusy.
func (s *Scheduler) ForgetHost(ctx context.Context, host string) error {
	err := s.forgetHost(ctx, host, s.opts.Timing.Expire)
	s.fleet.forget()
	return err
}

// wasForgotten: an agent that slept for so long joins again, which lists its host.
func wasForgotten(f *facts, host string) error {
	if f.record(keyBeat(host)).Version == 0 {
		return fmt.Errorf("%w: host %s was forgotten", ErrRejoin, host)
	}
	return nil
}

// forgetSilent forgets a host that was silent for so long that it does not count any more.
func (s *Scheduler) forgetSilent(ctx context.Context, host string) error {
	err := s.forgetHost(ctx, host, hostMemory)
	for _, harmless := range []error{ErrUnknownHost, ErrHostAlive, ErrHostBusy} { // it changed since it was read
		err = ignore(err, harmless)
	}
	return err
}

// forgetHost forgets a host that has nothing running and was silent for so long.
func (s *Scheduler) forgetHost(ctx context.Context, host string, silent time.Duration) error {
	q := store.Query{
		Keys: []string{keyBeat(host), keyAgent(host), keyInventory(host)},
		Ranges: []store.Range{
			{Index: keyActive(host), Limit: maxActive},
			{Index: keyHosts, From: []byte(host), To: []byte(host + "\x00"), Limit: 1}, // which may be all that there is
		},
	}
	t := transition[struct{}]{name: "forget host", query: q}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		beat, beatVersion := orEmpty[beatRecord](f, keyBeat(host))
		inventory := f.record(keyInventory(host)).Version
		switch heard := unstamp(beat.At); {
		case beatVersion == 0 && inventory == 0 && len(f.members(keyHosts)) == 0:
			return p, fmt.Errorf("%w: %s", ErrUnknownHost, host)
		case f.Now.Sub(heard) <= silent:
			return p, fmt.Errorf("%w: %s was heard of %s", ErrHostAlive, host, silence(f.Now, heard))
		case len(f.members(keyActive(host))) > 0:
			return p, fmt.Errorf("%w: leases on %s have not ended", ErrHostBusy, host)
		}
		agent := f.record(keyAgent(host))
		p.guard(store.At(keyBeat(host), beatVersion), store.At(keyAgent(host), agent.Version))
		p.guardElse(store.Empty(keyActive(host)), ErrHostBusy)
		p.effect(store.Unindex(keyHosts, []byte(host)), store.Unindex(keyReal, []byte(host)),
			store.Unindex(keyIdle, idleMember(host)), store.Delete(keyInventory(host)), store.Delete(keyBeat(host)))
		if agent.Version != 0 { // a claim or a report that is still on its way guards it as it was: it has to look again
			p.effect(store.Put(keyAgent(host), agent.Value))
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}
