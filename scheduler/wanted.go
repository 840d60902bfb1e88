package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/gpu"
)

// Wanted is the first waiting job that could run if a running one gave its devices
// back, as far as can be told from what its host last said; nil: none.
func (s *Scheduler) Wanted(ctx context.Context, id JobID) (*Entry, error) {
	job, err := s.Job(ctx, id)
	if err != nil || !job.State.Active() {
		return nil, ignoreMissing(err)
	}
	host := job.Attempt().Host
	hosts, err := s.hostsNamed(ctx, []string{host})
	if err != nil {
		return nil, err
	}
	leases, err := s.leasesOn(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("wanted: %w", err)
	}
	o := freeOffer(&hosts[0], leases)
	v, err := s.View(ctx, o, 0)
	if err != nil {
		return nil, err
	}
	return wantedOf(&v, o, &job), nil
}

// freeOffer is what a host has, with what no job holds and nothing else uses as free.
func freeOffer(h *Host, leases []Lease) Offer {
	o, leased := wholeOffer(h, false), leasesByDevice(leases)
	for i := range o.Devices {
		d := &o.Devices[i]
		d.Free = leased[d.UUID] == nil && h.Devices[i].State == gpu.Free
	}
	return o
}

// wantedOf is pure: the first entry that the offer has too few free devices for, and
// would have enough with those of the job.
func wantedOf(v *View, o Offer, job *Job) *Entry {
	if v.Drained != "" {
		return nil
	}
	o.Devices = undrained(o.Devices, v.DrainedDevices)
	with, held := o, job.Attempt().Devices
	with.Devices = slices.Clone(o.Devices)
	for i := range with.Devices {
		with.Devices[i].Free = with.Devices[i].Free || slices.Contains(held, with.Devices[i].UUID)
	}
	now, then := newFitter(&o), newFitter(&with)
	for i := range v.Entries {
		e := &v.Entries[i]
		holds := v.Held[e.User]
		if e.User == job.User {
			holds -= int64(len(held))
		}
		if _, devices, m := now.entry(e); devices != nil || m != nil && !m.later || !e.allowed(holds) {
			continue
		}
		if _, devices, _ := then.entry(e); devices != nil {
			return e
		}
	}
	return nil
}
