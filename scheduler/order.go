package scheduler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Order is an admin's order to the agent of a host. By is who, and why. Each
// transition of one gives the number that the host's Inventory.Obeyed reaches
// once the agent has obeyed, and wakes the agent.
type Order struct {
	Host   string
	Device string // UUID; "": the whole host
	By     string
}

// Orders are what admins ordered of a host's devices, for its agent.
func (s *Scheduler) Orders(ctx context.Context, host string) (Orders, error) {
	q := store.Query{Keys: []string{keyOrders(host)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return Orders{}, fmt.Errorf("read orders: %w", err)
	}
	var r ordersRecord
	if _, err := newFacts(q, a).load(keyOrders(host), &r); err != nil {
		return Orders{}, fmt.Errorf("read orders: %w", err)
	}
	return r.orders(), nil
}

// ResetHealth says that a device is well again. ErrNotSick: its agent says
// nothing else.
func (s *Scheduler) ResetHealth(ctx context.Context, o Order) (number uint64, err error) {
	return s.order(ctx, o, func(r *ordersRecord, devices []DeviceReport, sign signatureRecord) error {
		if d := devices[0]; d.State != gpu.Sick && d.Health.Sick == "" && d.Health.Warning == "" {
			return fmt.Errorf("%w: its agent says that it is %s", ErrNotSick, d.State)
		}
		r.Resets[o.Device] = sign
		return nil
	})
}

// Detach takes the driver away from a host's agent, so that a card can be reset
// or the driver unloaded. What runs goes on; all devices of the same driver are
// unknown until Attach.
func (s *Scheduler) Detach(ctx context.Context, o Order) (number uint64, err error) {
	return s.order(ctx, o, func(r *ordersRecord, devices []DeviceReport, sign signatureRecord) error {
		if !slices.ContainsFunc(devices, func(d DeviceReport) bool { return d.Kind != gpu.KindCPU }) {
			return &FieldError{"device", "CPU slots have no driver that could be taken away"}
		}
		r.Detached[o.Device] = sign
		return nil
	})
}

// Attach gives the driver back: to a host with all its devices, or to one that
// was detached for the sake of a device.
func (s *Scheduler) Attach(ctx context.Context, o Order) (number uint64, err error) {
	return s.takeBack(ctx, o, func(r *ordersRecord) error {
		if host, ok := r.Detached[""]; ok && o.Device != "" {
			return &FieldError{"device", fmt.Sprintf("the whole host %s is detached, by %s; attach that", o.Host, host.By)}
		}
		if delete(r.Detached, o.Device); o.Device == "" {
			clear(r.Detached)
		}
		return nil
	})
}

// Tolerate says how much memory, in bytes, processes of others may have on a
// device without making it foreign, in place of the agent's own setting.
func (s *Scheduler) Tolerate(ctx context.Context, o Order, memory int64) (number uint64, err error) {
	return s.order(ctx, o, func(r *ordersRecord, devices []DeviceReport, sign signatureRecord) error {
		switch d := devices[0]; {
		case d.Kind == gpu.KindCPU:
			return &FieldError{"device", "CPU slots have no memory that others could use"}
		case memory < 0 || memory > d.Memory:
			return &FieldError{"memory", fmt.Sprintf("want from 0 to the device's %d MiB", d.Memory>>20)}
		}
		r.Tolerate[o.Device] = toleranceRecord{sign, memory}
		return nil
	})
}

// Untolerate gives the agent's own setting back.
func (s *Scheduler) Untolerate(ctx context.Context, o Order) (number uint64, err error) {
	return s.takeBack(ctx, o, func(r *ordersRecord) error {
		delete(r.Tolerate, o.Device)
		return nil
	})
}

// order changes the orders of a host that joined. change gets the devices that
// are concerned; where it changes nothing, the number stays.
func (s *Scheduler) order(ctx context.Context, o Order, change func(*ordersRecord, []DeviceReport, signatureRecord) error) (uint64, error) {
	return s.changeOrders(ctx, o.Host, func(f *facts, r *ordersRecord) error {
		devices, err := concerned(f, o.Host, o.Device)
		if err != nil {
			return err
		}
		return change(r, devices, signatureRecord{o.By, stamp(f.Now)})
	})
}

// takeBack changes them back, also for a device that is not there any more.
func (s *Scheduler) takeBack(ctx context.Context, o Order, change func(*ordersRecord) error) (uint64, error) {
	return s.changeOrders(ctx, o.Host, func(f *facts, r *ordersRecord) error {
		if err := knowsDevice(f, o.Host, o.Device); err != nil && !excused(err, r.names(o.Device)) {
			return err
		}
		return change(r)
	})
}

func (s *Scheduler) changeOrders(ctx context.Context, host string, change func(*facts, *ordersRecord) error) (uint64, error) {
	t := transition[uint64]{name: "order", query: store.Query{Keys: []string{keyOrders(host), keyInventory(host)}}}
	t.decide = func(f *facts) (p plan[uint64], err error) {
		before, version := orEmpty[ordersRecord](f, keyOrders(host)) // an order mends what is damaged
		after := before.clone()
		p.value = before.Number
		if err := change(f, &after); err != nil || after.same(&before) {
			return p, err
		}
		after.Number = max(before.Number+1, uint64(f.Now.UnixMilli()))
		p.value = after.Number
		p.guard(store.At(keyOrders(host), version))
		p.effect(store.Put(keyOrders(host), encode(after)), store.Notify(topicWake(host), []byte(wakeOrder)))
		return p, nil
	}
	return run(ctx, s, t)
}

// concerned are the devices that an order is about; it refuses as knowsDevice.
func concerned(f *facts, host, device string) ([]DeviceReport, error) {
	if err := knowsDevice(f, host, device); err != nil {
		return nil, err
	}
	var inv Inventory
	if _, err := f.load(keyInventory(host), &inv); err != nil || device == "" {
		return inv.Devices, err
	}
	i := slices.IndexFunc(inv.Devices, func(r DeviceReport) bool { return r.UUID == device })
	return inv.Devices[i : i+1], nil
}

// names: something that can be taken back stands of the device.
func (r *ordersRecord) names(device string) bool {
	_, detached := r.Detached[device]
	_, tolerates := r.Tolerate[device]
	return detached || tolerates
}

// clone gives a copy that can be changed.
func (r *ordersRecord) clone() ordersRecord {
	c := ordersRecord{
		Number: r.Number, Tolerate: map[string]toleranceRecord{}, Resets: map[string]signatureRecord{}, Detached: map[string]signatureRecord{},
	}
	maps.Copy(c.Tolerate, r.Tolerate)
	maps.Copy(c.Resets, r.Resets)
	maps.Copy(c.Detached, r.Detached)
	return c
}

func (r *ordersRecord) same(other *ordersRecord) bool {
	return maps.Equal(r.Tolerate, other.Tolerate) && maps.Equal(r.Resets, other.Resets) && maps.Equal(r.Detached, other.Detached)
}

// orders is the record for the agent: what, not who.
func (r *ordersRecord) orders() Orders {
	return Orders{
		Number:   r.Number,
		Tolerate: mapped(r.Tolerate, func(t toleranceRecord) int64 { return t.Memory }),
		Resets:   mapped(r.Resets, func(g signatureRecord) time.Time { return unstamp(g.At) }),
		Detached: mapped(r.Detached, func(g signatureRecord) string { return g.By }),
	}
}

// ordered is the record for admins.
func (r *ordersRecord) ordered() Ordered {
	return Ordered{
		Number:   r.Number,
		Tolerate: mapped(r.Tolerate, func(t toleranceRecord) Tolerance { return Tolerance{t.signature(), t.Memory} }),
		Resets:   mapped(r.Resets, signatureRecord.signature),
		Detached: mapped(r.Detached, signatureRecord.signature),
	}
}

func (r signatureRecord) signature() Signature { return Signature{r.By, unstamp(r.At)} }

// mapped is a map with other values; nil where there is nothing.
func mapped[A, B any](in map[string]A, to func(A) B) map[string]B {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]B, len(in))
	for key, value := range in {
		out[key] = to(value)
	}
	return out
}
