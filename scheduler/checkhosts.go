package scheduler

import "context"

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
	leases, err := s.Leases(ctx)
	if err != nil {
		return err
	}
	holders := leasesByDevice(leases)
	for i := range hosts {
		h := &hosts[i]
		if err := s.checkIndex(ctx, r, keyActive(h.Host), memberID); err != nil {
			return err
		}
		for _, d := range h.Devices {
			r.Looked++
			if err := s.checkDevice(ctx, r, h.Host, d.UUID, holders[d.UUID]); err != nil {
				return err
			}
		}
		if now.Sub(h.Renewed) > hostMemory {
			if err := s.forgetSilent(ctx, h.Host); err != nil {
				return err
			}
		}
	}
	return s.checkConsumers(ctx, r, holders)
}

// checkConsumers looks at the leases of consumers and at what stands for their devices.
func (s *Scheduler) checkConsumers(ctx context.Context, r *CheckReport, holders map[string]*Lease) error {
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
		if err := s.checkDevice(ctx, r, host, host, holders[host]); err != nil {
			return err
		}
	}
	return nil
}
