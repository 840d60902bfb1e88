package main

import (
	"context"
	"slices"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// system is something that runs Python functions on request. start brings it
// up on a fresh Redis and answers the driver's address and environment.
type system struct {
	name   string
	driver string // argument of drivers/latency.py
	start  func(context.Context, *bench, *stand.Redis) (url string, env []string, stop func(), err error)
}

var systems = []system{
	{report.RQ, "rq", func(ctx context.Context, b *bench, r *stand.Redis) (string, []string, func(), error) {
		p, err := stand.RQ(ctx, b.py, r)
		return peer(r, p, err)
	}},
	{report.Celery, "celery", func(ctx context.Context, b *bench, r *stand.Redis) (string, []string, func(), error) {
		p, err := stand.Celery(ctx, b.py, r)
		return peer(r, p, err)
	}},
	{report.MLQ, "mlq", startMLQ},
	{report.MLQHTTP, "http", startMLQ},
}

func peer(r *stand.Redis, p *stand.Process, err error) (string, []string, func(), error) {
	if err != nil {
		return "", nil, nil, err
	}
	return r.URL(), nil, p.Stop, nil
}

func startMLQ(ctx context.Context, b *bench, r *stand.Redis) (string, []string, func(), error) {
	s, err := b.mlq(ctx, r, stand.OneSlot)
	if err != nil {
		return "", nil, nil, err
	}
	return s.URL(), s.Env(), s.Stop, nil
}

// mlq starts a server and an agent.
func (b *bench) mlq(ctx context.Context, r *stand.Redis, h stand.Host) (*stand.Server, error) {
	s, err := stand.Serve(ctx, b.program("mlq"), r)
	if err != nil {
		return nil, err
	}
	if err := s.Agent(ctx, b.py, h); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// rhythm is how calls follow each other.
type rhythm struct {
	suffix string // of the metric
	args   []string
}

var rhythms = []rhythm{
	{"", []string{"--count", "300"}},
	{" (20 ms apart)", []string{"--count", "100", "--pause", "0.02"}},
}

// latency measures T1 and T2: each system in turn, all of them in each repetition.
func (b *bench) latency(ctx context.Context) error { return b.latencies(ctx, systems) }

// kept is what a kept function is measured beside: the same function, in a process of
// its own for each job.
var kept = []system{
	{report.MLQHTTP, "http", startMLQ},
	{report.MLQKept, "kept", startMLQ},
}

// consumer measures messages through the process of a kept function as T1 and T2 are.
func (b *bench) consumer(ctx context.Context) error { return b.latencies(ctx, kept) }

func (b *bench) latencies(ctx context.Context, systems []system) error {
	return b.repeated(func(rep int) error {
		for _, sys := range systems {
			if err := b.latencyOf(ctx, sys, rep); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bench) latencyOf(ctx context.Context, sys system, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	url, env, stop, err := sys.start(ctx, b, r)
	if err != nil {
		return err
	}
	defer stop()
	for _, rhythm := range rhythms {
		var times struct {
			Start  []float64 `json:"start_ms"`
			Result []float64 `json:"result_ms"`
		}
		argv := slices.Concat(b.py.Driver("latency.py", sys.driver, url), rhythm.args)
		if err := b.py.Run(ctx, &times, env, argv); err != nil {
			return err
		}
		s := report.Sample{Figure: "T1", Metric: "submit to result" + rhythm.suffix, Unit: "ms", Subject: sys.name, Rep: rep}
		if err := b.percentiles(s, times.Result); err != nil {
			return err
		}
		s.Figure, s.Metric = "T2", "submit to start"+rhythm.suffix
		if err := b.percentiles(s, times.Start); err != nil {
			return err
		}
	}
	return nil
}
