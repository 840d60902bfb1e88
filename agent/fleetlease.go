package agent

import (
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// take marks devices as held by a job's lease.
func (f *fleet) take(uuids []string, job scheduler.JobID, freeBy time.Time, by holder) {
	f.change(uuids, func(d *device) {
		d.evidence.Lease, d.evidence.Ended, d.claiming = &gpu.Holding{Job: int64(job)}, 0, false
		d.freeBy, d.holder = freeBy, by
	})
}

// clear marks the devices of a lease that ended before its processes did.
func (f *fleet) clear(uuids []string) {
	f.change(uuids, func(d *device) {
		d.evidence.Lease, d.evidence.Clearing, d.evidence.ClearingSince = nil, true, f.now()
	})
}

// ended notes that the processes of a lease are dead, and has its devices looked
// at: what is seen from now on is not theirs.
func (f *fleet) ended(uuids []string) {
	f.change(uuids, func(d *device) {
		if d.evidence.Ended == 0 {
			d.evidence.Ended = f.now()
		}
		d.look.wake()
	})
}

// give marks devices as nobody's: their lease has ended, in the store too, and
// their processes are dead.
func (f *fleet) give(uuids []string) {
	f.change(uuids, func(d *device) {
		if d.holder.hold != nil {
			f.news.wake() // somebody waits to hear what is still there
		}
		d.evidence.Lease, d.evidence.Clearing, d.freeBy, d.holder = nil, false, time.Time{}, holder{}
		if f.decide(d).State != gpu.Free {
			d.look.wake()
		}
	})
}

// mostUnrun bounds what is remembered of a device on which no job starts.
const mostUnrun = 64

// releasedUnrun notes that a job did not start on these devices.
func (f *fleet) releasedUnrun(uuids []string, job scheduler.JobID) {
	f.change(uuids, func(d *device) {
		if !slices.Contains(d.unrun, job) {
			d.unrun = append(slices.Clone(d.unrun[max(0, len(d.unrun)+1-mostUnrun):]), job)
		}
	})
}

// ran notes that a job started on these devices: whatever was wrong with them is over.
func (f *fleet) ran(uuids []string) { f.change(uuids, func(d *device) { d.unrun = nil }) }

// reserve keeps devices from being let go of while they are claimed. It reports
// false where one is not there any more.
func (f *fleet) reserve(uuids []string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(uuids, func(uuid string) bool { return f.devices[uuid] == nil }) {
		return false
	}
	for _, uuid := range uuids {
		f.devices[uuid].claiming = true
	}
	return true
}

// unreserve is the end of a claim, also of one that was won.
func (f *fleet) unreserve(uuids []string) { f.change(uuids, func(d *device) { d.claiming = false }) }
