package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Who holds a device stands twice: in the device's record, which each claim guards, and in the job's.
// Each claim and each end of a lease writes both, so that a device's record that is still of the version
// that was read has, of the leases that were read later, those of that version.

// seenDevice is a device's record as it was read.
type seenDevice struct {
	deviceRecord

	host, uuid string
	version    uint64
	damaged    bool
}

// checkDevice has the record of a device written anew that is damaged, or does not name the job that
// holds it. The lease is what was read of it before; nil: none.
func (s *Scheduler) checkDevice(ctx context.Context, r *CheckReport, host, uuid string, lease *Lease) error {
	q := store.Query{Keys: []string{keyDevice(uuid)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	seen := seenDevice{host: host, uuid: uuid, version: a.Records[0].Version}
	_, unread := newFacts(q, a).load(keyDevice(uuid), &seen.deviceRecord)
	seen.damaged = unread != nil
	if right, err := s.seemsRight(ctx, &seen, lease); err != nil || right {
		return err
	}
	holder, err := s.holderOf(ctx, uuid)
	if err != nil {
		return err
	}
	t := transition[string]{name: "check", query: seen.query(holder)}
	t.decide = func(f *facts) (plan[string], error) { return decideDevice(f, &seen, holder) }
	wrong, err := run(ctx, s, t)
	if err != nil || wrong == "" {
		return err
	}
	return s.repaired(ctx, r, wrong)
}

// seemsRight spares the closer look, which reads all leases again. A lease that was there before the
// record was read and is still there was there in between.
func (s *Scheduler) seemsRight(ctx context.Context, seen *seenDevice, lease *Lease) (bool, error) {
	switch {
	case seen.damaged:
		return false, nil
	case seen.Job != 0:
		jobs, err := s.readJobs(ctx, []JobID{seen.Job})
		return len(jobs) == 1 && holdsDevice(&jobs[0], seen.Fence, seen.uuid), err
	case lease != nil:
		jobs, err := s.readJobs(ctx, []JobID{lease.Job})
		return len(jobs) == 0 || !jobs[0].State.Active() || jobs[0].Attempt().N != lease.Attempt, err
	}
	return true, nil
}

func (s *Scheduler) holderOf(ctx context.Context, uuid string) (*Lease, error) {
	leases, err := s.Leases(ctx)
	return leasesByDevice(leases)[uuid], err
}

func (d *seenDevice) query(holder *Lease) store.Query {
	q := store.Query{Keys: []string{keyDevice(d.uuid)}}
	if holder != nil {
		q.Keys = append(q.Keys, keyJob(holder.Job))
	}
	return q
}

// decideDevice writes what the jobs say, and says what was wrong; "": nothing, or nothing any more.
func decideDevice(f *facts, seen *seenDevice, holder *Lease) (p plan[string], err error) {
	// Of a free one whose fence cannot be read the time is above: a claim's is in any case.
	right := deviceRecord{Fence: max(seen.Fence, uint64(f.Now.UnixMicro())), Host: seen.host}
	if holder != nil {
		job, err := f.job(holder.Job)
		if err != nil || !job.State.Active() || job.Attempt().N != holder.Attempt {
			return p, ignoreMissing(err) // the next check looks again
		}
		a := job.Attempt()
		right = deviceRecord{Job: job.ID, Fence: a.Fence, Host: a.Host}
	}
	alike := seen.Job == right.Job && (right.Job == 0 || seen.Fence == right.Fence)
	if f.record(keyDevice(seen.uuid)).Version != seen.version || !seen.damaged && alike {
		return p, nil
	}
	p.guard(store.At(keyDevice(seen.uuid), seen.version))
	p.effect(store.Put(keyDevice(seen.uuid), encode(right)))
	p.value = seen.wrong(right.Job)
	return p, nil
}

// wrong says what was wrong of a record that should name this job; 0: none.
func (d *seenDevice) wrong(holder JobID) string {
	switch {
	case d.damaged:
		return fmt.Sprintf("the record of device %s was damaged", d.uuid)
	case d.Job == 0:
		return fmt.Sprintf("device %s was free, and job %d holds it", d.uuid, holder)
	}
	return fmt.Sprintf("device %s was held by job %d, which has no such lease", d.uuid, d.Job)
}

func holdsDevice(j *Job, fence uint64, uuid string) bool {
	a, err := j.leaseOf(fence)
	return err == nil && slices.Contains(a.Devices, uuid)
}
