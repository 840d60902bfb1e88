package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Notices tells an agent that there may be work for its host, or that
// something changed for one of its leases: it should renew, and look at the
// queue. Several notices may arrive as one; none is needed for correctness.
// The channel is closed when ctx ends.
func (s *Scheduler) Notices(ctx context.Context, host string) (<-chan struct{}, error) {
	in, err := s.store.Watch(ctx, topicWake(host))
	if err != nil {
		return nil, fmt.Errorf("watch notices: %w", err)
	}
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for range in {
			select {
			case out <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return out, nil
}

// Changes follows the changes of all jobs. A slow reader gets Lost instead of
// what it missed. The channel is closed when ctx ends.
func (s *Scheduler) Changes(ctx context.Context) (<-chan Change, error) {
	in, err := s.store.Watch(ctx, topicChanges)
	if err != nil {
		return nil, fmt.Errorf("watch changes: %w", err)
	}
	out := make(chan Change, 256)
	go func() {
		defer close(out)
		relay(ctx, in, out)
	}()
	return out, nil
}

// relay passes changes on. Where the reader is slow it waits for room, so that
// the store's own channel overflows and says so.
func relay(ctx context.Context, in <-chan store.Notice, out chan<- Change) {
	for n := range in {
		c, ok := parseChange(n.Value)
		if n.Lost {
			c, ok = Change{Lost: true}, true
		}
		if !ok {
			continue
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return
		}
	}
}

// Drain closes a host, or one of its devices (device = its UUID), for new
// work, or opens it again. by says who, and why.
func (s *Scheduler) Drain(ctx context.Context, host, device, by string, on bool) error {
	t := transition[struct{}]{name: "drain", query: store.Query{Keys: []string{keyDrain(host), keyInventory(host)}}}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		var inv Inventory
		var d drainRecord
		if v, err := f.load(keyInventory(host), &inv); err != nil || v == 0 {
			return p, orUnknownHost(err, host)
		}
		if device != "" && !slices.ContainsFunc(inv.Devices, func(r DeviceReport) bool { return r.UUID == device }) {
			return p, fmt.Errorf("%w: %s has none with UUID %s", ErrUnknownDevice, host, device)
		}
		version, err := f.load(keyDrain(host), &d)
		if err != nil || !d.set(device, by, on) {
			return p, err
		}
		p.guard(store.At(keyDrain(host), version))
		p.effect(store.Put(keyDrain(host), encode(d)), store.Notify(topicWake(host), []byte(wakeQueue)))
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

func orUnknownHost(err error, host string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrUnknownHost, host)
}

// set changes the record, and reports whether it did.
func (d *drainRecord) set(device, by string, on bool) bool {
	if device == "" {
		if !on {
			by = ""
		}
		changed := d.By != by
		d.By = by
		return changed
	}
	old, had := d.Devices[device]
	if !on {
		delete(d.Devices, device)
		return had
	}
	if d.Devices == nil {
		d.Devices = make(map[string]string)
	}
	d.Devices[device] = by
	return old != by
}
