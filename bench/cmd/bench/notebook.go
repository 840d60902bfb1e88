package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// notebook measures N1 and N2: what a cell waits for before it can go on.
func (b *bench) notebook(ctx context.Context) error {
	return b.repeated(func(rep int) error { return b.notebookOnce(ctx, rep) })
}

func (b *bench) notebookOnce(ctx context.Context, rep int) error {
	var times struct {
		Submit []float64 `json:"submit_ms"`
		Import []float64 `json:"import_ms"`
		Ready  []float64 `json:"ready_ms"`
	}
	if err := b.onMLQ(ctx, stand.OneSlot, &times, "notebook.py"); err != nil {
		return err
	}
	for _, m := range []struct {
		figure, metric string
		times          []float64
	}{
		{"N1", "submit returns", times.Submit},
		{"N2", "import mlq", times.Import},
		{"N2", "import mlq and what the first submit needs", times.Ready},
	} {
		s := report.Sample{Figure: m.figure, Metric: m.metric, Unit: "ms", Subject: report.MLQ, Rep: rep}
		if err := b.percentiles(s, m.times); err != nil {
			return err
		}
	}
	return nil
}
