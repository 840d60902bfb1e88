package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// cancel measures T10 on two kinds of job: one that ends when it is told to,
// and one that ignores SIGTERM and has a child that does too, so that the
// grace passes and the tree is killed.
func (b *bench) cancel(ctx context.Context) error {
	for rep := range b.reps {
		var gone struct {
			Stubborn []float64 `json:"stubborn_ms"` // the grace taken off
			Willing  []float64 `json:"willing_ms"`
		}
		if err := b.onMLQ(ctx, stand.OneSlot, &gone, "cancel.py"); err != nil {
			return err
		}
		s := report.Sample{Figure: "T10", Unit: "ms", Subject: report.MLQ, Rep: rep + 1, N: len(gone.Stubborn)}
		s.Metric, s.Value = "cancel to tree gone, minus grace", report.Percentile(gone.Stubborn, 100)
		if err := b.add(s); err != nil {
			return err
		}
		s.Metric, s.Value = "cancel to tree gone, job that obeys", report.Percentile(gone.Willing, 100)
		if err := b.add(s); err != nil {
			return err
		}
	}
	return nil
}
