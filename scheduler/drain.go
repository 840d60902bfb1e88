package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Drain says what an admin closes for new work, and what becomes of the jobs
// that run there.
type Drain struct {
	Host   string
	Device string // UUID; "": the whole host
	By     string // who, and why
	// In or At is the deadline: what still runs there is stopped then. In counts
	// from now, by the store's clock; both zero: what runs goes on to its end.
	In time.Duration
	At time.Time
	// Then is what becomes of the jobs that are stopped: "requeue" (or "") or "cancel".
	Then string
}

func (d *Drain) limited() bool { return d.In != 0 || !d.At.IsZero() }

// Drain closes a host or a device for new work, in place of what was said
// about it before. It returns the deadline, zero if there is none. Who runs
// there is told of it, and stopped at it, by KeepDrains.
//
// Refusals: ErrUnknownHost, ErrUnknownDevice, a FieldError of deadline or then.
func (s *Scheduler) Drain(ctx context.Context, d Drain) (deadline time.Time, err error) {
	if d.Then == "" {
		d.Then = thenRequeue
	}
	if err := CheckThen(d.Then); err != nil {
		return time.Time{}, err
	}
	return s.writeDrain(ctx, d.Host, d.Device, false, func(r *drainRecord, now time.Time) (time.Time, error) {
		at, err := d.deadline(now)
		if err == nil {
			r.close(d.Device, d.By, deadlineRecord{At: stamp(at), Then: d.Then})
		}
		return at, err
	})
}

// Undrain gives a host or a device new work again. Its deadline is off. It may be
// a device that the host had when it was closed, and has no more.
func (s *Scheduler) Undrain(ctx context.Context, host, device string) error {
	_, err := s.writeDrain(ctx, host, device, true, func(r *drainRecord, _ time.Time) (time.Time, error) {
		r.open(device)
		return time.Time{}, nil
	})
	return err
}

// deadline is when it is, in whole microseconds as records have them.
func (d *Drain) deadline(now time.Time) (time.Time, error) {
	at := d.At
	if d.In != 0 {
		at = now.Add(d.In)
	}
	if d.limited() && !at.After(now) {
		return at, &FieldError{"deadline", fmt.Sprintf("%s lies in the past; want a time to come, as 2h", at.UTC().Format(time.RFC3339))}
	}
	return at.Truncate(time.Microsecond), nil
}

// writeDrain changes what is closed on a host. A host with a deadline, or with
// one that was taken off, is listed for KeepDrains. What undoes may name a device
// that is closed, though the host has it no more.
func (s *Scheduler) writeDrain(ctx context.Context, host, device string, undoes bool, change func(*drainRecord, time.Time) (time.Time, error)) (time.Time, error) {
	t := transition[time.Time]{name: "drain", query: store.Query{Keys: []string{keyDrain(host), keyInventory(host)}}}
	t.decide = func(f *facts) (p plan[time.Time], err error) {
		before, version := f.drain(host)
		stands := undoes && before.Devices[device] != ""
		if err := knowsDevice(f, host, device); err != nil && !excused(err, stands) {
			return p, err
		}
		after := before.clone()
		if p.value, err = change(&after, f.Now); err != nil || after.same(&before) {
			return p, err
		}
		p.guard(store.At(keyDrain(host), version))
		p.effect(store.Put(keyDrain(host), encode(after)), store.Notify(topicWake(host), []byte(wakeQueue)))
		if len(before.Deadlines)+len(after.Deadlines) > 0 {
			p.effect(store.Index(keyClosing, []byte(host)))
		}
		return p, nil
	}
	return run(ctx, s, t)
}

// knowsDevice refuses a host that never joined, and a device that it has not.
func knowsDevice(f *facts, host, device string) error {
	inv, version := orEmpty[Inventory](f, keyInventory(host))
	switch {
	case version == 0:
		return fmt.Errorf("%w: %s", ErrUnknownHost, host)
	case device != "" && !slices.ContainsFunc(inv.Devices, func(r DeviceReport) bool { return r.UUID == device }):
		return fmt.Errorf("%w: %s has none with UUID %s", ErrUnknownDevice, host, device)
	}
	return nil
}

// excused: what is taken back may be of a device that the host has no more.
func excused(err error, stands bool) bool { return stands && errors.Is(err, ErrUnknownDevice) }

// close notes that the host (device "") or a device is closed.
func (r *drainRecord) close(device, by string, d deadlineRecord) {
	if device == "" {
		r.By = by
	} else {
		r.Devices[device] = by
	}
	delete(r.Deadlines, device)
	if d.At != 0 {
		r.Deadlines[device] = d
	}
}

func (r *drainRecord) open(device string) {
	if device == "" {
		r.By = ""
	}
	delete(r.Devices, device)
	delete(r.Deadlines, device)
}

// clone gives a copy that can be changed.
func (r *drainRecord) clone() drainRecord {
	c := drainRecord{By: r.By, Devices: map[string]string{}, Deadlines: map[string]deadlineRecord{}}
	maps.Copy(c.Devices, r.Devices)
	maps.Copy(c.Deadlines, r.Deadlines)
	return c
}

func (r *drainRecord) same(other *drainRecord) bool {
	return r.By == other.By && maps.Equal(r.Devices, other.Devices) && maps.Equal(r.Deadlines, other.Deadlines)
}

// closing is what the record says of an attempt that runs here on these
// devices: the earliest deadline. Zero: it may go on.
func (r *drainRecord) closing(host string, devices []string) (c Closing) {
	for _, what := range append([]string{""}, devices...) {
		d, limited := r.Deadlines[what]
		at := unstamp(d.At)
		if !limited || !c.At.IsZero() && !at.Before(c.At) {
			continue
		}
		c = Closing{At: at, What: host, By: r.By, Then: d.Then}
		if what != "" {
			c.What, c.By = what, r.Devices[what]
		}
	}
	return c
}
