package main

import (
	"context"
	"maps"
	"slices"

	"github.com/mlq-dev/mlq/bench/internal/report"
)

// interrupt measures how soon a notebook's kernel is idle after the stop button, at each
// stage of a job. Its driver has a server of its own, which it freezes for one of them.
func (b *bench) interrupt(ctx context.Context) error {
	for rep := range b.reps {
		var took map[string][]float64 // milliseconds by stage
		if err := b.py.Run(ctx, &took, nil, b.py.Driver("interrupt.py", b.program("mlq"))); err != nil {
			return err
		}
		for _, stage := range slices.Sorted(maps.Keys(took)) {
			s := report.Sample{Figure: "interrupt", Metric: "stop to idle, worst", Subject: stage, Unit: "ms", Rep: rep + 1}
			s.N, s.Value = len(took[stage]), report.Percentile(took[stage], 100)
			if err := b.add(s); err != nil {
				return err
			}
		}
	}
	return nil
}
