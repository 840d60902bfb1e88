package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// bulk measures T4: jobs per second of one mlq.map, without an agent, and of
// rq's enqueue_many for scale.
func (b *bench) bulk(ctx context.Context) error {
	return b.repeated(func(rep int) error {
		if err := b.bulkPeer(ctx, rep); err != nil {
			return err
		}
		return b.served(ctx, func(_ *stand.Redis, s *stand.Server) error {
			return b.bulkOf(ctx, report.MLQ, "mlq", s.URL(), s.Env(), rep)
		})
	})
}

func (b *bench) bulkPeer(ctx context.Context, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	return b.bulkOf(ctx, report.RQ, "rq", r.URL(), nil, rep)
}

func (b *bench) bulkOf(ctx context.Context, subject, driver, url string, env []string, rep int) error {
	var took struct {
		Jobs      int     `json:"jobs"`
		PerSecond float64 `json:"per_second"`
	}
	if err := b.py.Run(ctx, &took, env, b.py.Driver("bulk.py", driver, url)); err != nil {
		return err
	}
	return b.add(report.Sample{Figure: "T4", Metric: "10,000 jobs in one call", Unit: "jobs/s", Subject: subject, Rep: rep, N: took.Jobs, Value: took.PerSecond})
}
