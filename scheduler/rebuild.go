package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// rebuildDevice writes a record of a device anew that is wrong, unless somebody has written it since that
// version: who holds it stands in the jobs' records, too. Each claim and each end of a lease writes it, so
// that while it stays as it was, so do the leases on it.
func (s *Scheduler) rebuildDevice(ctx context.Context, version, fence uint64, host, uuid string) (rebuilt bool, err error) {
	leases, err := s.Leases(ctx)
	if err != nil {
		return false, err
	}
	holder := leasesByDevice(leases)[uuid]
	q := store.Query{Keys: []string{keyDevice(uuid)}}
	if holder != nil {
		q.Keys = append(q.Keys, keyJob(holder.Job))
	}
	t := transition[bool]{name: "check", query: q}
	t.decide = func(f *facts) (p plan[bool], err error) {
		// Of a free one whose fence cannot be read the time is above: a claim's is in any case.
		next := deviceRecord{Fence: max(fence, uint64(f.Now.UnixMicro())), Host: host}
		if holder != nil {
			if next, err = deviceOf(f, holder); err != nil {
				return p, ignoreMissing(err) // the next check looks again
			}
		}
		if p.value = f.record(keyDevice(uuid)).Version == version; p.value {
			p.guard(store.At(keyDevice(uuid), version))
			p.effect(store.Put(keyDevice(uuid), encode(next)))
		}
		return p, nil
	}
	return run(ctx, s, t)
}

// deviceOf is the record of a device that a lease holds.
func deviceOf(f *facts, l *Lease) (deviceRecord, error) {
	job, err := f.job(l.Job)
	if err != nil {
		return deviceRecord{}, err
	}
	a := job.Attempt()
	return deviceRecord{Job: job.ID, Fence: a.Fence, Host: a.Host}, nil
}
