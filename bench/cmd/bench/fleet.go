package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/fleet"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/scheduler"
)

// What T7 has: on each host all GPUs but one are leased, and what is queued needs two.
const (
	fleetHosts  = 1_000
	fleetGPUs   = 8
	overHTTP    = 20 // every so many-th host is on the server, the others on Redis
	fleetQueued = 10_000
	fleetUsers  = 100
	fleetRuns   = time.Second // a job that comes in between
	fleetRate   = 20          // of these per second
	fleetSettle = 15 * time.Second
	fleetRest   = 20 * time.Second // nothing comes
	fleetLook   = 60 * time.Second // jobs come
)

// fleet measures T7: what a thousand hosts that renew and look for work cost
// Redis and the server, and how soon a job starts on one of them.
func (b *bench) fleet(ctx context.Context) error {
	return b.repeated(func(rep int) error {
		return b.served(ctx, func(r *stand.Redis, s *stand.Server) error { return b.fleetOn(ctx, r, s, rep) })
	})
}

func (b *bench) fleetOn(ctx context.Context, r *stand.Redis, s *stand.Server, rep int) error {
	f := &fleet.Fleet{Tally: &fleet.Tally{}}
	defer func() { _ = f.Close() }() // nothing is in flight then
	q, err := fillFleet(ctx, f, r, s)
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { f.Run(working) })
	defer all.Wait()
	defer stop()
	if err := pause(ctx, fleetSettle); err != nil {
		return err
	}
	m := fleetMeasure{bench: b, fleet: f, redis: r, server: s, users: q, sample: report.Sample{Figure: "T7", Subject: report.MLQ, Rep: rep}}
	if err := m.rest(ctx); err != nil {
		return err
	}
	return m.work(ctx)
}

// fillFleet lets the hosts join, gives each all leases but one, and queues what waits.
func fillFleet(ctx context.Context, f *fleet.Fleet, r *stand.Redis, s *stand.Server) (*scheduler.Scheduler, error) {
	users, err := f.OnStore(ctx, r.URL())
	if err != nil {
		return nil, err
	}
	f.Hosts = make([]*fleet.Host, fleetHosts)
	for i := range f.Hosts {
		name := fmt.Sprintf("h%04d", i)
		if i%overHTTP == 0 {
			from := net.IPv4(127, 0, 2, byte(1+i/overHTTP))
			over, err := f.OverHTTP(ctx, s.URL(), s.Token, name, from)
			if err != nil {
				return nil, err
			}
			f.Hosts[i] = fleet.New(name, fleetGPUs, over, fleetRuns, f.Tally)
			continue
		}
		on, err := f.OnStore(ctx, r.URL())
		if err != nil {
			return nil, err
		}
		f.Hosts[i] = fleet.New(name, fleetGPUs, on, fleetRuns, f.Tally)
	}
	if err := f.Each(ctx, func(ctx context.Context, _ int, h *fleet.Host) error { return h.Join(ctx) }); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	if err := leaseMost(ctx, f, users); err != nil {
		return nil, err
	}
	for user := range fleetUsers {
		if _, err := queueJobs(ctx, users, user, fleetQueued/fleetUsers, 2); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// leaseMost gives each host a job for all of its devices but one.
func leaseMost(ctx context.Context, f *fleet.Fleet, users *scheduler.Scheduler) error {
	const most = fleetGPUs - 1
	var jobs []scheduler.JobID
	for user := range fleetUsers {
		more, err := queueJobs(ctx, users, user, fleetHosts*most/fleetUsers, 1)
		if err != nil {
			return err
		}
		jobs = append(jobs, more...)
	}
	err := f.Each(ctx, func(ctx context.Context, i int, h *fleet.Host) error {
		for device := range most {
			at := i*most + device
			if err := h.Take(ctx, jobs[at], fleetUser(at*fleetUsers/len(jobs)), device); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	return nil
}

func fleetUser(n int) string { return "user" + strconv.Itoa(n) }

// queueJobs queues n jobs of a user that need so many GPUs each.
func queueJobs(ctx context.Context, users *scheduler.Scheduler, user, n, gpus int) ([]scheduler.JobID, error) {
	subs := make([]scheduler.Submission, n)
	for i := range subs {
		subs[i] = scheduler.Submission{
			Media: scheduler.MediaJSON, Body: []byte(`{"command":["true"]}`), Function: "true", Request: scheduler.Request{GPUs: &gpus},
		}
	}
	done, err := users.Submit(ctx, scheduler.Who{User: fleetUser(user)}, subs, fmt.Sprintf("fleet-%d-%d", user, gpus))
	return done.IDs, err
}

// errFleet: the hosts had trouble, so that what was measured is not what a fleet costs.
var errFleet = errors.New("the fleet had trouble")
