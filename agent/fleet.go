package agent

import (
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// fleet is what the agent knows of its devices, and the one owner of that. It
// holds facts only; what they mean says gpu.Decide. All methods are safe for
// concurrent use, and call nothing that waits: its mutex is taken last.
type fleet struct {
	now func() time.Duration // CLOCK_BOOTTIME

	mu      sync.Mutex
	order   []string // UUIDs, as the provider lists them; then those that it does not list any more
	devices map[string]*device
	lives   uint64 // counts the devices that were ever added
	// tolerate is what others may have on a device for which no admin has said
	// otherwise; bytes.
	tolerate int64
	// detached: who has taken the driver away, "" while the agent has it.
	detached string

	freed  token1 // a device became free
	news   token1 // something changed that people wait for
	over   token1 // a job is over, which is told a little later: the next one may begin in the same moment
	unkept token1 // something changed that has to survive a restart
}

// device is guarded by the fleet's mutex.
type device struct {
	gpu.Device
	// life tells this device from one of the same UUID before it, which was let go of.
	life     uint64
	evidence gpu.Evidence
	ready    bool      // its slot can be reached and is idle
	freeBy   time.Time // of the job on it, zero: unknown
	verdict  gpu.Verdict
	since    time.Time // of the verdict's state

	holder holder // whose lease has the device; zero: none has
	mine   mine   // of that lease, and of one that has ended until the device is free
	// claiming: a claim is on its way, so that the device is not let go of.
	claiming bool
	// silent: a look before a claim was not answered in time, and none was since.
	silent bool
	// held: the kernel says that another process has the lock. refused: it could
	// not be had when it was last tried.
	held, refused bool
	// missing counts the lists in a row in which the provider did not have it.
	missing int
	// unrun are the jobs that were released from it unrun since the last one ran
	// on it, the latest mostUnrun of them. Never changed in place.
	unrun []scheduler.JobID
	// remembered: known from an earlier run only, no list has had it yet.
	remembered bool
	// obeyed is the last order to reset its health that was carried out.
	obeyed time.Time
	look   token1 // it is to be looked at now
}

// token1 wakes one reader; a wake that was not yet heard is not counted again.
type token1 chan struct{}

func newToken() token1 { return make(token1, 1) }

func (t token1) wake() {
	select {
	case t <- struct{}{}:
	default: // a token is there already
	}
}

func newFleet(devices []gpu.Device, tolerate int64, now func() time.Duration) *fleet {
	f := &fleet{now: now, tolerate: tolerate, devices: map[string]*device{}, freed: newToken(), news: newToken(), over: newToken(), unkept: newToken()}
	for _, d := range devices {
		f.add(d)
	}
	f.unkept.wake()
	return f
}

// add must be called with mu held, or before anybody else has the fleet.
func (f *fleet) add(d gpu.Device) *device {
	f.lives++
	added := &device{Device: d, life: f.lives, look: newToken(), since: time.Now()}
	added.evidence.Tolerate, added.evidence.Detached = f.tolerate, f.detached
	f.devices[d.UUID] = added
	f.order = append(f.order, d.UUID)
	return added
}

// decide asks the one place that is asked, and notes when the answer changed.
// mu must be held.
func (f *fleet) decide(d *device) gpu.Verdict {
	before := d.verdict
	d.verdict = gpu.Decide(d.Device, d.evidence, f.now())
	after := d.verdict
	if after.State != before.State {
		d.since = time.Now()
	}
	if after.State == gpu.Free && before.State != gpu.Free {
		f.freed.wake()
	}
	switch {
	case newsworthy(before, after):
		f.news.wake()
	case after.State != before.State && after.State != gpu.Leased:
		f.over.wake()
	}
	if after.State == gpu.Free {
		d.mine = nil
	}
	if after.State == gpu.Free && d.evidence.Ended != 0 {
		d.forgetEnd(f.now())
	}
	return after
}

// forgetEnd drops the last lease's end once the device is free without it, by
// looks of its own: from then on it is judged like any other.
func (d *device) forgetEnd(now time.Duration) {
	without := d.evidence
	without.Samples = slices.DeleteFunc(slices.Clone(without.Samples), func(s gpu.Sample) bool { return s.At <= without.Ended })
	without.Ended = 0
	if gpu.Decide(d.Device, without, now).State == gpu.Free {
		d.evidence.Ended = 0
	}
}

// newsworthy: a change that is told at once. That jobs come and go is not: the
// store knows their leases. Only that a lease is over is told soon: that its device is
// free again, or what it waits for.
func newsworthy(before, after gpu.Verdict) bool {
	if before == after {
		return false
	}
	return !routine(before.State) || !routine(after.State)
}

func routine(s gpu.State) bool { return s == gpu.Free || s == gpu.Leased || s == gpu.Clearing }

// change does something to devices and decides on each.
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

// lifeOf is which of the devices that ever had this UUID has it now; 0: none.
func (f *fleet) lifeOf(uuid string) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.devices[uuid]; d != nil {
		return d.life
	}
	return 0
}

// setReady says whether the slot of that life's device can take a job. The line of
// a device that was let go of may live longer than it, and says nothing of the next.
func (f *fleet) setReady(uuid string, life uint64, ready bool) {
	f.change([]string{uuid}, func(d *device) {
		if d.life != life {
			return
		}
		d.ready = ready
		f.news.wake()
		if ready {
			f.freed.wake()
		}
	})
}

// setSilent notes that a look was not answered in time: the claim loop does not
// ask again before somebody else got an answer.
func (f *fleet) setSilent(uuid string) {
	f.change([]string{uuid}, func(d *device) { d.silent = true })
}

// lookAgain has a device looked at now.
func (f *fleet) lookAgain(uuid string) {
	f.change([]string{uuid}, func(d *device) { d.look.wake() })
}

// drain takes over what an admin closed: UUID → who and why; all is the host's.
func (f *fleet) drain(all string, devices map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for uuid, d := range f.devices {
		d.evidence.Drained = devices[uuid]
		if all != "" {
			d.evidence.Drained = all
		}
		f.decide(d)
	}
}

// uuids lists the devices.
func (f *fleet) uuids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.order)
}

// size counts the devices.
func (f *fleet) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.devices)
}

// wake has the claim loop look at the queue.
func (f *fleet) wake() { f.freed.wake() }
