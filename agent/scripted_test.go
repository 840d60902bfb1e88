package agent_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
)

// scripted is a provider whose driver a test plays, call by call. What it shares
// with a real one is the contract of gpu.Provider and nothing else.
type scripted struct {
	mu       sync.Mutex
	devices  []gpu.Device
	down     error                 // of Devices
	says     map[string]gpu.Sample // what a look finds; none: a clean device
	silent   map[string]bool       // looks that never come back, whatever their context says
	looks    map[string]int
	last     map[string]time.Time // when a device was looked at
	bad      map[string]time.Time // since when no look found it clean; none: the last did
	info     gpu.Info
	held     error // of Detach, which lets go half way all the same
	detaches int
	events   chan gpu.Event
	released chan struct{} // closed at the end: what hangs comes back
}

func newScripted(t testing.TB, uuids ...string) *scripted {
	t.Helper()
	p := &scripted{
		says: map[string]gpu.Sample{}, silent: map[string]bool{}, looks: map[string]int{}, last: map[string]time.Time{}, bad: map[string]time.Time{},
		events: make(chan gpu.Event, 16), released: make(chan struct{}), info: gpu.Info{Driver: "580.1", Generation: 1},
	}
	p.list(uuids...)
	t.Cleanup(func() { close(p.released) })
	return p
}

// use is for the options of an agent.
func (p *scripted) use(o *agent.Options) { o.Provider = p }

// list makes these the devices: whole GPUs, and as PARENT/GI the slices of one.
func (p *scripted) list(uuids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.devices = nil
	for i, uuid := range uuids {
		d := gpu.Device{UUID: uuid, Index: i, Kind: gpu.KindGPU, Model: "Test GPU", Memory: 80 << 30, PCI: fmt.Sprintf("0000:%02x:00.0", i+1)}
		var parent string
		if n, _ := fmt.Sscanf(uuid, "MIG-%1s-%d", &parent, &d.GI); n == 2 {
			d.Kind, d.Parent = gpu.KindMIG, "GPU-"+parent
		}
		p.devices = append(p.devices, d)
	}
}

func (p *scripted) change(to func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to()
}

// used has a process of somebody else on a device.
func (p *scripted) used(uuid string, processes ...gpu.Process) {
	p.change(func() { p.says[uuid] = gpu.Sample{Processes: processes} })
}

func (p *scripted) faulty(uuid string, fault gpu.Fault, words string) {
	p.change(func() { p.says[uuid] = gpu.Sample{Fault: fault, Err: words} })
}

func (p *scripted) clean(uuid string) { p.change(func() { delete(p.says, uuid) }) }

func (p *scripted) Devices(context.Context) ([]gpu.Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.devices), p.down
}

func (p *scripted) Links(context.Context) ([]gpu.Link, error) { return nil, nil }

func (p *scripted) Sample(_ context.Context, uuid string) (gpu.Sample, error) {
	p.mu.Lock()
	p.looks[uuid]++
	s, hangs := p.says[uuid], p.silent[uuid]
	if p.down != nil {
		s = gpu.Sample{Fault: gpu.FaultDown, Err: p.down.Error()}
	}
	if !slices.ContainsFunc(p.devices, func(d gpu.Device) bool { return d.UUID == uuid }) {
		s = gpu.Sample{Fault: gpu.FaultGone, Err: "not listed"}
	}
	s.UUID, s.At = uuid, boottime.Now()
	p.note(&s)
	p.mu.Unlock()
	if hangs {
		<-p.released
	}
	return s, nil
}

// note keeps what a look found, for who judges the agent.
func (p *scripted) note(s *gpu.Sample) {
	now := time.Now()
	p.last[s.UUID] = now
	if s.Fault == gpu.FaultNone && len(s.Processes) == 0 {
		delete(p.bad, s.UUID)
	} else if _, known := p.bad[s.UUID]; !known {
		p.bad[s.UUID] = now
	}
}

func (p *scripted) looked(uuid string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.looks[uuid]
}

func (p *scripted) Watch(ctx context.Context) <-chan gpu.Event {
	out := make(chan gpu.Event)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-p.events:
				out <- e
			}
		}
	}()
	return out
}

func (p *scripted) Info() gpu.Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

func (p *scripted) Detach() error {
	p.setDetached(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detaches++
	return p.held
}
func (p *scripted) Attach() error { p.setDetached(false); return nil }
func (p *scripted) Close() error  { return nil }

func (p *scripted) setDetached(detached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.info.Detached, p.down = detached, nil
	if detached {
		p.down = fmt.Errorf("detached")
	}
}

// inventory is what the store has of a host's devices, by UUID.
func (w *world) inventory(host string) (map[string]scheduler.DeviceReport, scheduler.Host) {
	w.t.Helper()
	hosts, err := w.sched.Hosts(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(hosts, func(h scheduler.Host) bool { return h.Host == host })
	if i < 0 {
		return nil, scheduler.Host{}
	}
	reports := map[string]scheduler.DeviceReport{}
	for _, d := range hosts[i].Devices {
		reports[d.UUID] = d
	}
	return reports, hosts[i]
}

// awaitDevice waits until the store has a device in this state, and gives it with
// how long that took.
func (w *world) awaitDevice(host, uuid string, state gpu.State) (d scheduler.DeviceReport, took time.Duration) {
	w.t.Helper()
	began := time.Now()
	w.until(fmt.Sprintf("device %s to be %s", uuid, state), func() bool {
		all, _ := w.inventory(host)
		d = all[uuid]
		return d.State == state
	}, func() string { return fmt.Sprintf("it is %s: %s", d.State, d.Reason) })
	return d, time.Since(began)
}

// awaitDevices waits until the store has exactly these.
func (w *world) awaitDevices(host string, uuids ...string) {
	w.t.Helper()
	slices.Sort(uuids)
	var got []string
	w.until(fmt.Sprintf("the devices to be %v", uuids), func() bool {
		all, _ := w.inventory(host)
		got = slices.Sorted(maps.Keys(all))
		return slices.Equal(got, uuids)
	}, func() string { return fmt.Sprintf("they are %v", got) })
}

// awaitDeviceNot waits until the store has a device in another state than these.
func (w *world) awaitDeviceNot(host, uuid string, states ...gpu.State) (d scheduler.DeviceReport, took time.Duration) {
	w.t.Helper()
	began := time.Now()
	w.until(fmt.Sprintf("device %s not to be %v", uuid, states), func() bool {
		all, _ := w.inventory(host)
		d = all[uuid]
		return d.UUID != "" && !slices.Contains(states, d.State)
	}, func() string { return fmt.Sprintf("it is %s: %s", d.State, d.Reason) })
	return d, time.Since(began)
}

func kill(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// awaitReason waits until the store has words about a device's state.
func (w *world) awaitReason(host, uuid, words string) (d scheduler.DeviceReport) {
	w.t.Helper()
	w.until(fmt.Sprintf("device %s to be told of with %q", uuid, words), func() bool {
		all, _ := w.inventory(host)
		d = all[uuid]
		return strings.Contains(d.Reason, words)
	}, func() string { return fmt.Sprintf("it is %s: %s", d.State, d.Reason) })
	return d
}
