package agent

import (
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
)

// notListed is what a look at a device says that the provider lists no more.
const notListed = "the driver does not list it any more"

// sighting is what a look, or an event, changed.
type sighting struct {
	device gpu.Device
	before gpu.Verdict
	after  gpu.Verdict
	orphan bool // what makes it foreign was left by a lease of ours
	leased bool
	// sick says why the device is sick since now, "" if that is not new.
	sick string
	// strangers that were not there at the look before.
	strangers []gpu.Process
}

// saw takes in a look at a device, and folds its health. A look that was
// overtaken by a later one says nothing any more.
func (f *fleet) saw(s gpu.Sample, c gpu.Clock) (seen sighting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[s.UUID]
	if d == nil {
		return seen
	}
	last, looked := d.last()
	if looked && last.At > s.At {
		return sighting{device: d.Device, before: d.verdict, after: f.decide(d)}
	}
	if d.missing > 0 && s.Fault == gpu.FaultNone {
		s = gpu.Sample{UUID: s.UUID, At: s.At, Fault: gpu.FaultGone, Err: notListed}
	}
	d.silent = false
	s.Processes, d.mine = d.mine.attribute(s.Processes)
	d.keep(s)
	c.Looked = last.At
	seen = f.fold(d, func(h gpu.Health) gpu.Health { return h.Look(s, c) })
	seen.strangers = newcomers(last, s, seen.leased)
	if len(seen.strangers) > 0 || len(last.Processes) != len(s.Processes) {
		f.news.wake()
	}
	return seen
}

// keep adds a look to the evidence.
func (d *device) keep(s gpu.Sample) {
	e := &d.evidence
	// A look after the end of the processes is not one under the lease, though the
	// store may not know yet: it is the one that finds the device clean.
	s.Leased = e.Lease != nil && (e.Ended == 0 || s.At <= e.Ended)
	if n := len(e.Samples); n > 1 && s.At-e.Samples[n-2].At < gpu.Apart && quieter(&e.Samples[n-1], &s) {
		e.Samples = e.Samples[:n-1]
	}
	e.Samples = append(e.Samples, s)
	if n := len(e.Samples); n > gpu.KeepSamples {
		e.Samples = append([]gpu.Sample(nil), e.Samples[n-gpu.KeepSamples:]...)
	}
	e.Baseline = gpu.Learn(e.Baseline, s)
}

// quieter: the earlier look says nothing that the later one does not say. Looks on
// demand, many in a moment, would otherwise push those out that are apart.
func quieter(earlier, later *gpu.Sample) bool {
	return earlier.Fault == gpu.FaultNone && earlier.Err == "" && len(earlier.Processes) == 0 && !earlier.Prohibited && earlier.Unheld == later.Unheld &&
		earlier.Used <= later.Used && earlier.Leased == later.Leased
}

// fold changes what is known of a device's health and decides anew. mu must be held.
func (f *fleet) fold(d *device, by func(gpu.Health) gpu.Health) sighting {
	seen := sighting{device: d.Device, before: d.verdict, leased: d.evidence.Lease != nil, orphan: d.evidence.Ended != 0}
	old := d.evidence.Health
	d.evidence.Health = by(old)
	if old != d.evidence.Health {
		f.unkept.wake()
	}
	if old.Warning != d.evidence.Health.Warning {
		f.news.wake()
	}
	if old.Sick == "" {
		seen.sick = d.evidence.Health.Sick
	}
	seen.after = f.decide(d)
	return seen
}

// newcomers are the processes of a look that are not ours and were not in the one before.
func newcomers(last, s gpu.Sample, leased bool) (found []gpu.Process) {
	known := map[slot.Process]bool{}
	for _, p := range last.Processes {
		known[slot.Process{PID: p.PID, Start: p.Started}] = !leased || !p.Ours
	}
	for _, p := range strangers(s, leased, gpu.Unknown) {
		if !known[slot.Process{PID: p.PID, Start: p.Started}] {
			found = append(found, p)
		}
	}
	return found
}

// happened folds an event into the health of every device that it concerns.
func (f *fleet) happened(e gpu.Event, c gpu.Clock) (seen []sighting, blames []gpu.Blame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		d := f.devices[uuid]
		if !e.Concerns(&d.Device) {
			continue
		}
		var blame gpu.Blame
		s := f.fold(d, func(h gpu.Health) gpu.Health {
			h, blame = h.Event(e, c)
			return h
		})
		seen, blames = append(seen, s), append(blames, blame)
		d.look.wake()
	}
	return seen, blames
}

// restarted compares all health with a driver that may be asked again.
func (f *fleet) restarted(c gpu.Clock) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.devices {
		f.fold(d, func(h gpu.Health) gpu.Health { return h.Start(c) })
		d.look.wake()
	}
}

// holderOf says whose lease has the device; zero: none has.
func (f *fleet) holderOf(uuid string) holder {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.devices[uuid]; d != nil {
		return d.holder
	}
	return holder{}
}

// nextLook gives the time until a device is to be looked at again.
func (f *fleet) nextLook(uuid string) (pause time.Duration, wake token1) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[uuid]
	if d == nil {
		return lookEvery, nil
	}
	return nextLook(d.Device, d.evidence, f.now()), d.look
}
