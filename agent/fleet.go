package agent

import (
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// fleet is what the agent knows of its devices. It holds facts only; what they
// mean says gpu.Decide. All methods are safe for concurrent use.
type fleet struct {
	now func() time.Duration // CLOCK_BOOTTIME

	mu      sync.Mutex
	order   []string // UUIDs, as the provider lists them
	devices map[string]*device
	// freed has a token whenever a device became free since it was last taken.
	freed chan struct{}
}

// device is guarded by the fleet's mutex.
type device struct {
	gpu.Device
	evidence gpu.Evidence
	ready    bool      // its slot can be reached and is idle
	freeBy   time.Time // of the job on it, zero: unknown
	verdict  gpu.Verdict
	since    time.Time // of the verdict
}

func newFleet(devices []gpu.Device, now func() time.Duration) *fleet {
	f := &fleet{now: now, devices: map[string]*device{}, freed: make(chan struct{}, 1)}
	for _, d := range devices {
		f.order = append(f.order, d.UUID)
		f.devices[d.UUID] = &device{Device: d}
	}
	return f
}

// decide asks the one place that is asked, and notes when the answer changed.
func (f *fleet) decide(d *device) gpu.Verdict {
	v := gpu.Decide(d.Device, d.evidence, f.now())
	if v.State != d.verdict.State {
		d.since = time.Now()
	}
	d.verdict = v
	return v
}

// saw notes a look at a device and tells what it means.
func (f *fleet) saw(uuid string, s gpu.Sample) gpu.Verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[uuid]
	before := d.verdict.State
	s.Leased = d.evidence.Lease != nil
	d.evidence.Samples = append(d.evidence.Samples, s)
	if n := len(d.evidence.Samples); n > gpu.KeepSamples {
		d.evidence.Samples = append([]gpu.Sample(nil), d.evidence.Samples[n-gpu.KeepSamples:]...)
	}
	v := f.decide(d)
	if v.State == gpu.Free && before != gpu.Free {
		f.wake()
	}
	return v
}

// take marks devices as held by a job's lease.
func (f *fleet) take(uuids []string, job scheduler.JobID, freeBy time.Time) {
	f.change(uuids, func(d *device) {
		d.evidence.Lease = &gpu.Holding{Job: int64(job)}
		d.freeBy = freeBy
	})
}

// clear marks the devices of a lease that ended before its processes did.
func (f *fleet) clear(uuids []string) {
	f.change(uuids, func(d *device) {
		d.evidence.Lease, d.evidence.Clearing, d.evidence.ClearingSince = nil, true, f.now()
	})
}

// give marks devices as nobody's: their lease has ended, in the store too, and
// their processes are dead.
func (f *fleet) give(uuids []string) {
	f.change(uuids, func(d *device) {
		d.evidence.Lease, d.evidence.Clearing, d.freeBy = nil, false, time.Time{}
	})
	f.wake()
}

// setLocked says whether somebody else holds the lock of a device that is not
// leased by us.
func (f *fleet) setLocked(uuid string, locked bool) {
	f.change([]string{uuid}, func(d *device) { d.evidence.Locked = locked })
	if !locked {
		f.wake()
	}
}

// locked lists the devices whose lock somebody else held at the last try.
func (f *fleet) locked() (uuids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		if f.devices[uuid].evidence.Locked {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// setReady says whether the device's slot can take a job.
func (f *fleet) setReady(uuid string, ready bool) {
	f.change([]string{uuid}, func(d *device) { d.ready = ready })
	if ready {
		f.wake()
	}
}

// drain takes over what an admin closed: UUID → who and why; all is the host's.
func (f *fleet) drain(all string, devices map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for uuid, d := range f.devices {
		before := d.evidence.Drained
		d.evidence.Drained = devices[uuid]
		if all != "" {
			d.evidence.Drained = all
		}
		if f.decide(d); before != "" && d.evidence.Drained == "" {
			f.wake()
		}
	}
}

func (f *fleet) change(uuids []string, to func(*device)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range uuids {
		if d := f.devices[uuid]; d != nil {
			to(d)
			f.decide(d)
		}
	}
}

func (f *fleet) wake() {
	select {
	case f.freed <- struct{}{}:
	default: // a token is there already
	}
}

// offered lists all devices as Pick wants them, and counts the free ones.
func (f *fleet) offered() (devices []scheduler.OfferedDevice, free int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		d := f.devices[uuid]
		o := scheduler.OfferedDevice{Device: d.Device, FreeBy: d.freeBy}
		if d.ready && f.decide(d).State == gpu.Free {
			o.Free = true
			free++
		}
		devices = append(devices, o)
	}
	return devices, free
}

// report lists all devices for the inventory.
func (f *fleet) report() []scheduler.DeviceReport {
	f.mu.Lock()
	defer f.mu.Unlock()
	reports := make([]scheduler.DeviceReport, 0, len(f.order))
	for _, uuid := range f.order {
		d := f.devices[uuid]
		v := f.decide(d)
		r := scheduler.DeviceReport{Device: d.Device, State: v.State, Reason: v.Reason, Since: d.since}
		if v.State == gpu.Free && !d.ready {
			r.State, r.Reason = gpu.Unknown, "its slot process does not answer"
		}
		if n := len(d.evidence.Samples); n > 0 {
			r.Used = d.evidence.Samples[n-1].Used
		}
		reports = append(reports, r)
	}
	return reports
}
