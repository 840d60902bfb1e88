package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// checkHosts looks at the leases and devices of every host, and forgets hosts
// that have been silent for hostMemory.
func (s *Scheduler) checkHosts(ctx context.Context, r *CheckReport) error {
	hosts, err := s.Hosts(ctx)
	if err != nil {
		return err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	for i := range hosts {
		h := &hosts[i]
		if err := s.checkIndex(ctx, r, keyActive(h.Host), memberID); err != nil {
			return err
		}
		for _, d := range h.Devices {
			r.Looked++
			if err := s.checkDevice(ctx, r, h.Host, d.UUID); err != nil {
				return err
			}
		}
		if now.Sub(h.Renewed) > hostMemory {
			if err := s.forgetSilent(ctx, h.Host); err != nil {
				return err
			}
		}
	}
	return s.checkConsumers(ctx, r)
}

// checkConsumers looks at the leases of consumers and at what stands for their devices.
func (s *Scheduler) checkConsumers(ctx context.Context, r *CheckReport) error {
	consumers, err := s.Consumers(ctx, "")
	if err != nil {
		return err
	}
	for i := range consumers {
		host := consumers[i].Host()
		if err := s.checkIndex(ctx, r, keyActive(host), memberID); err != nil {
			return err
		}
		r.Looked++
		if err := s.checkDevice(ctx, r, host, host); err != nil {
			return err
		}
	}
	return nil
}

// checkDevice has the record of a device written anew that is damaged, or that names a job which does not
// hold it.
func (s *Scheduler) checkDevice(ctx context.Context, r *CheckReport, host, uuid string) error {
	q := store.Query{Keys: []string{keyDevice(uuid)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("the record of device %s was damaged", uuid)
	var dev deviceRecord
	if _, damaged := newFacts(q, a).load(keyDevice(uuid), &dev); damaged == nil {
		right, err := s.isHeld(ctx, dev, uuid)
		if err != nil || right {
			return err
		}
		what = fmt.Sprintf("device %s was held by job %d, which has no such lease", uuid, dev.Job)
	}
	rebuilt, err := s.rebuildDevice(ctx, a.Records[0].Version, dev.Fence, host, uuid)
	if err != nil || !rebuilt {
		return err
	}
	return s.repaired(ctx, r, what)
}

// isHeld reports whether the device is free or its job holds it.
func (s *Scheduler) isHeld(ctx context.Context, dev deviceRecord, uuid string) (bool, error) {
	if dev.Job == 0 {
		return true, nil
	}
	jobs, err := s.readJobs(ctx, []JobID{dev.Job})
	return len(jobs) == 1 && holdsDevice(&jobs[0], dev.Fence, uuid), err
}

func holdsDevice(j *Job, fence uint64, uuid string) bool {
	a, err := j.leaseOf(fence)
	return err == nil && slices.Contains(a.Devices, uuid)
}
