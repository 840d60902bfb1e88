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
			if err := s.checkDevice(ctx, r, d.UUID); err != nil {
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
		if err := s.checkDevice(ctx, r, host); err != nil {
			return err
		}
	}
	return nil
}

// checkDevice frees a device whose record names a job that does not hold it.
func (s *Scheduler) checkDevice(ctx context.Context, r *CheckReport, uuid string) error {
	b, err := s.readRecord(ctx, keyDevice(uuid))
	if err != nil {
		return ignoreMissing(err)
	}
	var seen deviceRecord
	if err := decode(keyDevice(uuid), b, &seen); err != nil || seen.Job == 0 {
		return err
	}
	t := transition[bool]{name: "check", query: store.Query{Keys: []string{keyDevice(uuid), keyJob(seen.Job)}}}
	t.decide = func(f *facts) (p plan[bool], err error) {
		var dev deviceRecord
		version, err := f.load(keyDevice(uuid), &dev)
		if err != nil || dev != seen {
			return p, err
		}
		job, err := f.job(seen.Job)
		if ignoreMissing(err) != nil {
			return p, err
		}
		if err == nil && holdsDevice(&job, dev.Fence, uuid) {
			return p, nil
		}
		p.guard(store.At(keyDevice(uuid), version), store.At(keyJob(seen.Job), job.Version))
		p.effect(store.Put(keyDevice(uuid), encode(deviceRecord{Fence: dev.Fence, Host: dev.Host})))
		p.value = true
		return p, nil
	}
	freed, err := run(ctx, s, t)
	if err != nil || !freed {
		return err
	}
	return s.repaired(ctx, r, fmt.Sprintf("device %s was held by job %d, which has no such lease", uuid, seen.Job))
}

func holdsDevice(j *Job, fence uint64, uuid string) bool {
	a, err := j.leaseOf(fence)
	return err == nil && slices.Contains(a.Devices, uuid)
}
