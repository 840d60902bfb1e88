package agent

import (
	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// offered lists all devices as Pick wants them, and counts the free ones. What
// the provider does not list any more is not offered, not even as busy.
func (f *fleet) offered() (devices []scheduler.OfferedDevice, free int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		d := f.devices[uuid]
		if d.missing > 0 || d.remembered {
			continue
		}
		o := scheduler.OfferedDevice{Device: d.Device, FreeBy: d.freeBy, Unrun: d.unrun}
		if d.ready && !d.silent && f.decide(d).State == gpu.Free {
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
		f.decide(d)
		reports = append(reports, d.report())
	}
	return reports
}

// report is what people are shown of a device.
func (d *device) report() scheduler.DeviceReport {
	r := scheduler.DeviceReport{
		Device: d.Device, State: d.verdict.State, Reason: d.verdict.Reason, Since: d.since,
		Health: d.evidence.Health, Tolerated: d.evidence.Tolerate, Used: -1,
	}
	if r.State == gpu.Free && !d.ready {
		r.State, r.Reason = gpu.Unknown, "its slot process does not answer"
	}
	if s, ok := d.last(); ok && s.Answered() {
		r.Used, r.Readings, r.Foreign = s.Used, s.Readings, strangers(s, d.evidence.Lease != nil, d.verdict.State)
	}
	return r
}

// last is the latest look at a device.
func (d *device) last() (gpu.Sample, bool) {
	n := len(d.evidence.Samples)
	if n == 0 {
		return gpu.Sample{}, false
	}
	return d.evidence.Samples[n-1], true
}

// strangers are the processes of a look that are not ours. Those that only draw
// are named where they are the reason that the device is foreign: a desktop has
// them all day.
func strangers(s gpu.Sample, leased bool, state gpu.State) (found []gpu.Process) {
	for _, p := range s.Processes {
		if (!leased || !p.Ours) && (!p.Graphics || state == gpu.Foreign) {
			found = append(found, p)
		}
	}
	return found
}

// states counts the devices by what is decided of them now.
func (f *fleet) states() map[gpu.State]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[gpu.State]int{}
	for _, d := range f.devices {
		counts[f.decide(d).State]++
	}
	return counts
}

// card is a device as its isolation wants it.
func (f *fleet) card(uuid string) isolation.Card {
	d := f.slotDevices([]string{uuid})[0]
	return isolation.Card{Kind: d.Kind, Minor: d.Minor, GI: d.GI, CI: d.CI}
}

// slotDevices names devices as a grant does.
func (f *fleet) slotDevices(uuids []string) []slot.Device {
	f.mu.Lock()
	defer f.mu.Unlock()
	devices := make([]slot.Device, len(uuids))
	for i, uuid := range uuids {
		devices[i] = slot.Device{UUID: uuid, Kind: gpu.KindGPU, Minor: -1} // gone meanwhile: whose card it is now, nobody knows
		if d := f.devices[uuid]; d != nil {
			devices[i].Kind, devices[i].Minor, devices[i].GI, devices[i].CI = d.Kind, d.Minor, d.GI, d.CI
		}
	}
	return devices
}
