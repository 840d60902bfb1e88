package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// size is how full the queue is while T5 measures.
type size struct{ queued, users int }

func (s size) String() string {
	users := "1 user"
	if s.users > 1 {
		users = report.Digits(float64(s.users)) + " users"
	}
	return report.Digits(float64(s.queued)) + " queued, " + users
}

const (
	growthOps  = 300 // submits, and claims, per repetition
	growthHost = "bench"
	fillAtOnce = 1_000
)

// growth measures T5 on the scheduler itself: its transitions on a real Redis,
// without HTTP and without processes.
func (b *bench) growth(ctx context.Context) error {
	for rep := range b.reps {
		for _, s := range b.sizes() {
			if err := b.growthAt(ctx, s, rep+1); err != nil {
				return fmt.Errorf("%v: %w", s, err)
			}
		}
	}
	return nil
}

func (b *bench) sizes() []size {
	depths := []int{1_000, 10_000, 100_000}
	if b.deep {
		depths = append(depths, 1_000_000)
	}
	var sizes []size
	for _, queued := range depths {
		for _, users := range []int{1, 100, 1_000} {
			sizes = append(sizes, size{queued, users})
		}
	}
	return sizes
}

func (b *bench) growthAt(ctx context.Context, s size, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	q, err := openQueue(ctx, r)
	if err != nil {
		return err
	}
	defer q.close()
	if err := q.fill(ctx, s); err != nil {
		return err
	}
	if err := r.Settle(ctx); err != nil {
		return err
	}
	submits, err := q.submits(ctx, s)
	if err != nil {
		return err
	}
	claims, err := q.claims(ctx)
	if err != nil {
		return err
	}
	sample := report.Sample{Figure: "T5", Metric: "submit", Unit: "µs", Subject: s.String(), Rep: rep}
	if err := b.percentiles(sample, submits); err != nil {
		return err
	}
	sample.Metric = "claim"
	return b.percentiles(sample, claims)
}

// queue is a scheduler with one joined host of one CPU slot.
type queue struct {
	close     func()
	scheduler *scheduler.Scheduler
	offer     scheduler.Offer
	epoch     uint64
	submitted int
}

func openQueue(ctx context.Context, r *stand.Redis) (*queue, error) {
	st, err := redisstore.Open(ctx, r.URL())
	if err != nil {
		return nil, err
	}
	q := &queue{close: func() { _ = st.Close() }} // nothing is in flight then
	if err := q.join(ctx, st); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

func (q *queue) join(ctx context.Context, st *redisstore.Store) (err error) {
	q.scheduler, err = scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming(), Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	slot := gpu.Device{UUID: "CPU-bench-0", Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true}
	python := scheduler.Environment{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7", Cloudpickle: "3.1.1"}
	q.offer = scheduler.Offer{
		Host: growthHost, Environments: []scheduler.Environment{python},
		Devices: []scheduler.OfferedDevice{{Device: slot, Free: true}},
	}
	joined, err := q.scheduler.Join(ctx, scheduler.Inventory{
		Host: growthHost, BootID: "bench", Environments: q.offer.Environments,
		Devices: []scheduler.DeviceReport{{Device: slot, State: gpu.Free}},
	}, nil, func(string) bool { return true })
	q.epoch = joined.Epoch
	return err
}

// fill queues the jobs of all users, in turn.
func (q *queue) fill(ctx context.Context, s size) error {
	perUser := s.queued / s.users
	for queued := 0; queued < perUser; queued += fillAtOnce {
		n := min(fillAtOnce, perUser-queued)
		for user := range s.users {
			if err := q.submit(ctx, user, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// submit queues n jobs of one user in one commit.
func (q *queue) submit(ctx context.Context, user, n int) error {
	subs := make([]scheduler.Submission, n)
	for i := range subs {
		subs[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"command":["true"]}`), Function: "true"}
	}
	q.submitted++
	who := scheduler.Who{User: "user" + strconv.Itoa(user)}
	_, err := q.scheduler.Submit(ctx, who, subs, "key"+strconv.Itoa(q.submitted))
	return err
}

// submits times single submits, the users in turn.
func (q *queue) submits(ctx context.Context, s size) ([]float64, error) {
	micros := make([]float64, growthOps)
	for i := range micros {
		began := time.Now()
		if err := q.submit(ctx, i%s.users, 1); err != nil {
			return nil, err
		}
		micros[i] = microseconds(began)
	}
	return micros, nil
}

// claims times view, pick and claim together; start and finish, which free the
// slot again, are not counted.
func (q *queue) claims(ctx context.Context) ([]float64, error) {
	micros := make([]float64, growthOps)
	for i := range micros {
		began := time.Now()
		ref, err := q.claim(ctx, i)
		if err != nil {
			return nil, err
		}
		micros[i] = microseconds(began)
		if err := q.scheduler.Start(ctx, ref); err != nil {
			return nil, err
		}
		if _, err := q.scheduler.Finish(ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}); err != nil {
			return nil, err
		}
	}
	return micros, nil
}

func (q *queue) claim(ctx context.Context, n int) (scheduler.LeaseRef, error) {
	view, err := q.scheduler.View(ctx, q.offer, uint64(n))
	if err != nil {
		return scheduler.LeaseRef{}, err
	}
	choice := scheduler.Pick(view, q.offer, view.Now, uint64(n))
	if choice.Kind != scheduler.ChoiceRun {
		return scheduler.LeaseRef{}, fmt.Errorf("nothing to claim: %s %s", choice.Kind, choice.Reason)
	}
	claimed, err := q.scheduler.Claim(ctx, scheduler.ClaimRequest{
		Host: growthHost, Epoch: q.epoch, Job: choice.Job, User: choice.User, Devices: choice.Devices, ClaimID: "claim" + strconv.Itoa(n),
	})
	return scheduler.LeaseRef{Job: choice.Job, Fence: claimed.Fence}, err
}

func microseconds(since time.Time) float64 { return float64(time.Since(since).Nanoseconds()) / 1e3 }
