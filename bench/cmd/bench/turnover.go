package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// turnover measures T8: how long a device is idle between two queued jobs, by
// the jobs' records and by the jobs' own clock; a CPU slot, and a GPU of NVML's
// stand-in, which is looked at through the probe before each job.
func (b *bench) turnover(ctx context.Context) error {
	gpu, err := b.standIn(1)
	if err != nil {
		return err
	}
	return b.repeated(func(rep int) error {
		if err := b.turnoverOnce(ctx, stand.OneSlot, report.MLQ, rep); err != nil {
			return err
		}
		return b.turnoverOnce(ctx, gpu, report.OnStandIn, rep)
	})
}

func (b *bench) turnoverOnce(ctx context.Context, h stand.Host, subject string, rep int) error {
	var gaps struct {
		Records  []float64 `json:"records_ms"`
		Function []float64 `json:"function_ms"`
	}
	if err := b.onMLQ(ctx, h, &gaps, "turnover.py"); err != nil {
		return err
	}
	s := report.Sample{Figure: "T8", Metric: "end of a job to start of the next", Unit: "ms", Subject: subject, Rep: rep}
	if err := b.percentiles(s, gaps.Records); err != nil {
		return err
	}
	s.Metric = "last line of a function to first line of the next"
	return b.percentiles(s, gaps.Function)
}

// onMLQ runs a driver on a fresh Redis, server and agent.
func (b *bench) onMLQ(ctx context.Context, h stand.Host, into any, driver string, args ...string) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	s, err := b.mlq(ctx, r, h)
	if err != nil {
		return err
	}
	defer s.Stop()
	return b.py.Run(ctx, into, s.Env(), b.py.Driver(driver, args...))
}
