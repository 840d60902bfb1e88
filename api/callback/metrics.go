package callback

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/scheduler"
)

// metrics count what this server's sender did.
type metrics struct {
	tries    *prometheus.CounterVec
	ends     *prometheus.CounterVec
	seconds  prometheus.Histogram
	underWay prometheus.Gauge
	due      prometheus.Gauge
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mlq_callback_tries_total", Help: "Tries of this server to send a callback, by what came of it.",
		}, []string{"outcome"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mlq_callbacks_total", Help: "Callbacks that this server ended, by their state.",
		}, []string{"state"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "mlq_callback_try_seconds", Help: "Time of a try.", Buckets: []float64{.01, .05, .1, .5, 1, 2.5, 5},
		}),
		underWay: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mlq_callbacks_under_way", Help: "Callbacks that this server sends now.",
		}),
		due: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mlq_callbacks_due", Help: "Callbacks that could be sent when this server last looked through them; it stops looking when it sends as many as it may at once.",
		}),
	}
	for _, o := range outcomes {
		m.tries.WithLabelValues(string(o))
	}
	for _, state := range []scheduler.CallbackState{scheduler.CallbackDelivered, scheduler.CallbackFailed} {
		m.ends.WithLabelValues(string(state))
	}
	reg.MustRegister(m.tries, m.ends, m.seconds, m.underWay, m.due)
	return m
}

func (m *metrics) tried(how outcome, took time.Duration) {
	m.tries.WithLabelValues(string(how)).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) ended(state scheduler.CallbackState) {
	if state != "" {
		m.ends.WithLabelValues(string(state)).Inc()
	}
}
