package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

// idleFor is how long T13 looks at an agent that has nothing to do but look.
const idleFor = time.Minute

// idleGPUs is how many its host has.
const idleGPUs = 8

// idle measures T13: what an agent and its probe cost a host of eight GPUs on
// which nothing runs, with NVML's stand-in in the driver's place.
func (b *bench) idle(ctx context.Context) error {
	return b.repeated(func(rep int) error {
		return b.served(ctx, func(_ *stand.Redis, s *stand.Server) error { return b.idleOn(ctx, s, rep) })
	})
}

func (b *bench) idleOn(ctx context.Context, s *stand.Server, rep int) error {
	host, err := b.standIn(idleGPUs)
	if err != nil {
		return err
	}
	if err := s.Agent(ctx, b.py, host); err != nil {
		return err
	}
	// The first minute is that of the start: Pythons that get warm, lists that grow.
	if err := pause(ctx, idleFor/2); err != nil {
		return err
	}
	f, err := s.Family()
	if err != nil {
		return err
	}
	if len(f.Probe) != 1 || len(f.Slots) != idleGPUs {
		return fmt.Errorf("the agent has other processes than it should: %+v", f)
	}
	return b.cost(ctx, f, rep)
}

// standIn lays the stand-in for the driver's library into a folder of this run.
func (b *bench) standIn(n int) (stand.Host, error) {
	dir := filepath.Join(b.out, fmt.Sprintf("driver-%d", n))
	return stand.Host{GPUs: "nvml", Count: n, Env: []string{"LD_LIBRARY_PATH=" + dir}}, standin.Place(dir, n)
}

func (b *bench) cost(ctx context.Context, f stand.Family, rep int) error {
	subjects := []struct {
		name string
		pids []int
	}{
		{"agent", f.Agent},
		{"probe", f.Probe},
		{report.AgentAndProbe, append(append([]int(nil), f.Agent...), f.Probe...)},
		{fmt.Sprintf("%d slots", len(f.Slots)), f.Slots},
		{fmt.Sprintf("%d warm Pythons", len(f.Pythons)), f.Pythons},
	}
	before := make([]time.Duration, len(subjects))
	began := time.Now()
	for i, s := range subjects {
		var err error
		if before[i], err = stand.Used(s.pids); err != nil {
			return err
		}
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	for i, s := range subjects {
		used, err := stand.Used(s.pids)
		if err != nil {
			return err
		}
		share := 100 * float64(used-before[i]) / float64(time.Since(began))
		if err := b.add(report.Sample{Figure: "T13", Metric: "share of a core, idle", Unit: "%", Subject: s.name, Rep: rep, N: 1, Value: share}); err != nil {
			return err
		}
		pss, err := stand.PSS(s.pids)
		if err != nil {
			return err
		}
		if err := b.add(report.Sample{Figure: "T13", Metric: "memory (PSS)", Unit: "MB", Subject: s.name, Rep: rep, N: 1, Value: float64(pss) / 1e6}); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
