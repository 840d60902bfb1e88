package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/internal/blob"
)

// collectMetrics count what this process's collector did.
type collectMetrics struct {
	removed   *prometheus.CounterVec
	bytes     prometheus.Counter
	discarded prometheus.Counter
	failures  prometheus.Counter
	last      prometheus.Gauge
}

func newCollectMetrics(reg *prometheus.Registry) *collectMetrics {
	m := &collectMetrics{
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mlq_collected_total", Help: "Files removed that no job named any more, by kind.",
		}, []string{"kind"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mlq_collected_bytes_total", Help: "Bytes of these files.",
		}),
		discarded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mlq_collect_discarded_total", Help: "Blobs moved to the trash, from where they can be brought back for a while.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mlq_collect_failures_total", Help: "Collections that failed.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mlq_collect_last_timestamp_seconds", Help: "When this server last completed a collection; 0: not yet.",
		}),
	}
	reg.MustRegister(m.removed, m.bytes, m.discarded, m.failures, m.last)
	return m
}

func (m *collectMetrics) add(s blob.Swept) {
	for kind, n := range map[string]int{"blob": s.Blobs, "log": s.Logs, "upload": s.Uploads} {
		m.removed.WithLabelValues(kind).Add(float64(n))
	}
	m.bytes.Add(float64(s.Bytes))
}
