package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// payload measures T9: an array of 1 GiB as an argument and as a result, beside
// a copy over loopback in the same run, and the most memory that each process had.
func (b *bench) payload(ctx context.Context) error {
	return b.repeated(func(rep int) error { return b.payloadOnce(ctx, rep) })
}

// oneWay is what the driver tells of one direction: bytes per second, bytes.
type oneWay struct {
	Rate   float64 `json:"rate"`
	Client float64 `json:"client"`
	Runner float64 `json:"runner"`
}

func (b *bench) payloadOnce(ctx context.Context, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	s, err := b.mlq(ctx, r, stand.OneSlot)
	if err != nil {
		return err
	}
	defer s.Stop()
	var got struct {
		Loopback         []float64
		Disk             float64
		Hash, Fresh      float64 // of one core
		Argument, Result oneWay
	}
	if err := b.py.Run(ctx, &got, s.Env(), b.py.Driver("payload.py", "--folder", b.out)); err != nil {
		return err
	}
	for _, rate := range got.Loopback {
		if err := b.payloadRate("1 GiB", report.Loopback, rate, rep); err != nil {
			return err
		}
	}
	for subject, rate := range map[string]float64{
		"a file written and synced": got.Disk, "one SHA-256, of a core": got.Hash, "fresh memory filled, of a core": got.Fresh,
	} {
		if err := b.payloadRate("1 GiB", subject, rate, rep); err != nil {
			return err
		}
	}
	for metric, way := range map[string]oneWay{"argument": got.Argument, "result": got.Result} {
		if err := b.payloadWay(metric, way, rep); err != nil {
			return err
		}
	}
	return b.payloadPeaks(s, rep)
}

func (b *bench) payloadWay(metric string, way oneWay, rep int) error {
	if err := b.payloadRate("1 GiB", report.MLQ+", "+metric, way.Rate, rep); err != nil {
		return err
	}
	if err := b.payloadMemory(report.ClientMemory, metric, way.Client, rep); err != nil {
		return err
	}
	return b.payloadMemory(report.RunnerMemory, metric, way.Runner, rep)
}

// payloadPeaks tells what those had that are to let it through.
func (b *bench) payloadPeaks(s *stand.Server, rep int) error {
	f, err := s.Family()
	if err != nil {
		return err
	}
	for subject, pids := range map[string][]int{"server": s.Pids(), "agent": f.Agent, "slot": f.Slots} {
		peak, err := stand.Peak(pids)
		if err != nil {
			return err
		}
		if err := b.payloadMemory(report.StreamMemory, subject, float64(peak), rep); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) payloadRate(metric, subject string, rate float64, rep int) error {
	return b.add(report.Sample{Figure: "T9", Metric: metric, Unit: "MB/s", Subject: subject, Rep: rep, N: 1, Value: rate / 1e6})
}

func (b *bench) payloadMemory(metric, subject string, bytes float64, rep int) error {
	return b.add(report.Sample{Figure: "T9", Metric: metric, Unit: "MiB", Subject: subject, Rep: rep, N: 1, Value: bytes / (1 << 20)})
}
