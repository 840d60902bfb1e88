package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// measured tells how long a store takes. It wraps what the process's
// scheduler and tokens use.
type measured struct {
	store.Store
	read, commit, allocate prometheus.Observer
	failures               prometheus.Counter
}

// MeasureStore wraps a store so that its latencies stand in the metrics of reg.
func MeasureStore(st store.Store, reg *prometheus.Registry) store.Store {
	latencies := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "mlq_store_seconds", Help: "Time of the store's answers, by operation.", Buckets: storeBuckets,
	}, []string{"operation"})
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "mlq_store_failures_total", Help: "Operations of the store that failed.",
	})
	reg.MustRegister(latencies, failures)
	return &measured{
		Store: st, failures: failures, read: latencies.WithLabelValues("read"),
		commit: latencies.WithLabelValues("commit"), allocate: latencies.WithLabelValues("allocate"),
	}
}

var storeBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 3}

func (m *measured) observe(o prometheus.Observer, start time.Time, err error) {
	o.Observe(time.Since(start).Seconds())
	if err != nil {
		m.failures.Inc()
	}
}

// Read implements store.Store.
func (m *measured) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	start := time.Now()
	answer, err := m.Store.Read(ctx, q)
	m.observe(m.read, start, err)
	return answer, err
}

// Commit implements store.Store.
func (m *measured) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	start := time.Now()
	result, err := m.Store.Commit(ctx, c)
	m.observe(m.commit, start, err)
	return result, err
}

// Allocate implements store.Store.
func (m *measured) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	start := time.Now()
	first, identity, err := m.Store.Allocate(ctx, counter, n)
	m.observe(m.allocate, start, err)
	return first, identity, err
}

// Size implements store.Sized; 0 where the store does not know.
func (m *measured) Size(ctx context.Context) (used, limit int64, err error) {
	if sized, ok := m.Store.(store.Sized); ok {
		return sized.Size(ctx)
	}
	return 0, 0, nil
}

// Inspect implements store.Inspected; nothing where there is nothing to inspect.
func (m *measured) Inspect(ctx context.Context) (problems, warnings []string, err error) {
	if inspected, ok := m.Store.(store.Inspected); ok {
		return inspected.Inspect(ctx)
	}
	return nil, nil, nil
}
