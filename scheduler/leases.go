package scheduler

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Leases lists all active jobs with what they hold, by host.
func (s *Scheduler) Leases(ctx context.Context) ([]Lease, error) {
	hosts, err := s.holders(ctx)
	if err != nil {
		return nil, err
	}
	var out []Lease
	for _, host := range hosts {
		leases, err := s.leasesOn(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("list leases: %w", err)
		}
		out = append(out, leases...)
	}
	return out, nil
}

// Runs reports whether a user has a lease on one of the hosts.
func (s *Scheduler) Runs(ctx context.Context, user string, onHost func(host string) bool) (bool, error) {
	hosts, err := s.holders(ctx)
	if err != nil {
		return false, err
	}
	for _, host := range hosts {
		if !onHost(host) {
			continue
		}
		leases, err := s.leasesOn(ctx, host)
		if err != nil {
			return false, fmt.Errorf("list leases: %w", err)
		}
		if slices.ContainsFunc(leases, func(l Lease) bool { return l.User == user }) {
			return true, nil
		}
	}
	return false, nil
}

func (s *Scheduler) leasesOn(ctx context.Context, host string) ([]Lease, error) {
	ids, err := s.activeOn(ctx, host)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	q := store.Query{Keys: []string{keyBeat(host)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	beat, _ := orEmpty[beatRecord](newFacts(q, a), keyBeat(host))
	var out []Lease
	for i := range jobs {
		if j := &jobs[i]; j.State.Active() && j.Attempt().Host == host {
			out = append(out, leaseOf(j, beat, s.opts.Timing))
		}
	}
	return out, nil
}

func leaseOf(j *Job, beat beatRecord, t Timing) Lease {
	a := j.Attempt()
	l := Lease{
		Job: j.ID, Name: j.Name, User: j.User, Host: a.Host, Devices: a.Devices, Since: a.Claimed,
		Renewed: unstamp(beat.At), State: j.State, Attempt: a.N, Hold: j.Hold, BlockedOn: a.BlockedOn,
	}
	if beat.At != 0 {
		l.LeaseUntil = l.Renewed.Add(t.Expire)
	}
	l.EndsBy = a.EndsBy(j.Timeout)
	return l
}
