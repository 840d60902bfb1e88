package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mlq-dev/mlq/scheduler"
)

// observer takes one latency.
type observer = prometheus.Observer

// metrics are what the server counts itself, and what it asks at a scrape.
type metrics struct {
	latencies   *prometheus.HistogramVec
	requests    *prometheus.CounterVec
	underWay    prometheus.Gauge
	slowReaders prometheus.Counter
	unrouted    prometheus.Observer
	handler     http.Handler
}

var latencyBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func newMetrics(reg *prometheus.Registry, s *Server) *metrics {
	m := &metrics{
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mlq_http_request_seconds", Help: "Time to answer, by route.", Buckets: latencyBuckets,
		}, []string{"method", "route"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mlq_http_responses_total", Help: "Answers by status.",
		}, []string{"code"}),
		underWay: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mlq_http_requests_under_way", Help: "Requests that are being answered, streams and waits among them.",
		}),
		slowReaders: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mlq_http_slow_readers_total", Help: "Answers given up because they were read too slowly.",
		}),
		handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}),
	}
	m.unrouted = m.latencies.WithLabelValues("", "unrouted")
	reg.MustRegister(m.latencies, m.requests, m.underWay, m.slowReaders, &queueCollector{s: s})
	return m
}

// latency resolves a route's histogram once, not per request.
func (m *metrics) latency(method, route string) observer {
	return m.latencies.WithLabelValues(method, route)
}

func (m *metrics) observe(c *call, took time.Duration) {
	o := m.unrouted
	if c.route != nil {
		o = c.route.latency
	}
	o.Observe(took.Seconds())
	m.requests.WithLabelValues(statusText(c.status)).Inc()
}

func statusText(status int) string {
	switch status {
	case http.StatusOK:
		return "200"
	case http.StatusCreated:
		return "201"
	}
	return strconv.Itoa(status)
}

// getMetrics answers GET /metrics.
func (s *Server) getMetrics(c *call) error {
	s.metrics.handler.ServeHTTP(c, c.r)
	return nil
}

var (
	jobsDesc     = prometheus.NewDesc("mlq_jobs", "Jobs by state.", []string{"state"}, nil)
	leasesDesc   = prometheus.NewDesc("mlq_leases", "Leases by host; those of all consumers are consumers.", []string{"host"}, nil)
	hostsDesc    = prometheus.NewDesc("mlq_hosts", "Hosts by state.", []string{"state"}, nil)
	diskDesc     = prometheus.NewDesc("mlq_blobs_disk_free_percent", "Free part of the disk of the blobs.", nil, nil)
	roundsDesc   = prometheus.NewDesc("mlq_loop_rounds_total", "Rounds of this server's loops.", []string{"loop"}, nil)
	errorsDesc   = prometheus.NewDesc("mlq_loop_errors_total", "Rounds of this server's loops that failed.", []string{"loop"}, nil)
	ageDesc      = prometheus.NewDesc("mlq_loop_success_age_seconds", "Time since the loop's last round without an error.", []string{"loop"}, nil)
	reapedDesc   = prometheus.NewDesc("mlq_reaped_leases_total", "Leases of silent agents that this server ended, by what became of the job.", []string{"state"}, nil)
	promotedDesc = prometheus.NewDesc("mlq_promoted_jobs_total", "Jobs that this server moved because a time had come or other jobs had ended, by their new state.", []string{"state"}, nil)
	purgedDesc   = prometheus.NewDesc("mlq_purged_jobs_total", "Jobs that this server forgot, after their result_ttl or by a purge.", nil, nil)
	repairsDesc  = prometheus.NewDesc("mlq_repairs_total", "What this server's check put right.", nil, nil)
	storeDesc    = prometheus.NewDesc("mlq_store_up", "1 when the store answered this scrape.", nil, nil)
)

// queueCollector asks the store at a scrape: nothing is counted twice, and
// every server tells the same; but for what each server's own loops have done.
type queueCollector struct{ s *Server }

// Describe names the metrics.
func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	own := []*prometheus.Desc{
		jobsDesc, leasesDesc, hostsDesc, devicesDesc, simDesc, refusedDesc, waitDesc, diskDesc, storeDesc, roundsDesc, errorsDesc, ageDesc, reapedDesc, promotedDesc, purgedDesc, repairsDesc,
	}
	for _, d := range slices.Concat(own, deviceDescs, dcgmDescs()) {
		ch <- d
	}
}

// Collect asks. Without a store the other metrics still come.
func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	collectLoops(q.s.scheduler.Stats(), ch)
	up := 1.0
	if err := q.collectStore(ctx, ch); err != nil {
		up = 0
		q.s.log.Warn().Err(err).Msg("metrics without the store")
	}
	ch <- prometheus.MustNewConstMetric(storeDesc, prometheus.GaugeValue, up)
	if space, err := q.s.disk.now(); err == nil {
		ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, space.FreePercent())
	}
}

// collectLoops tells what the loops have done. All states are there from the
// start: a rate over a series that begins with its first event misses that one.
func collectLoops(st scheduler.Stats, ch chan<- prometheus.Metric) {
	one := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, l := range st.Loops {
		one(roundsDesc, prometheus.CounterValue, float64(l.Rounds), l.Name)
		one(errorsDesc, prometheus.CounterValue, float64(l.Errors), l.Name)
		one(ageDesc, prometheus.GaugeValue, time.Since(l.Succeeded).Seconds(), l.Name)
	}
	for _, state := range []scheduler.State{scheduler.Queued, scheduler.Failed, scheduler.Cancelled} {
		one(reapedDesc, prometheus.CounterValue, float64(st.Reaped[state]), string(state))
	}
	for _, state := range []scheduler.State{scheduler.Queued, scheduler.Failed} {
		one(promotedDesc, prometheus.CounterValue, float64(st.Promoted[state]), string(state))
	}
	one(purgedDesc, prometheus.CounterValue, float64(st.Purged))
	one(repairsDesc, prometheus.CounterValue, float64(st.Repaired))
}

func (q *queueCollector) collectStore(ctx context.Context, ch chan<- prometheus.Metric) error {
	counts, err := q.s.scheduler.JobCount(ctx)
	if err != nil {
		return err
	}
	leases, err := q.s.scheduler.Leases(ctx)
	if err != nil {
		return err
	}
	hosts, err := q.s.scheduler.Hosts(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		ch <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
	tally(ch, leasesDesc, leases, leasedBy)
	tally(ch, hostsDesc, hosts, func(h scheduler.Host) string { return hostState(&h) })
	q.collectDevices(ch, hosts, leases)
	return collectWait(ctx, ch, q.s.scheduler)
}

// tally counts by a label.
func tally[T any](ch chan<- prometheus.Metric, desc *prometheus.Desc, all []T, label func(T) string) {
	counts := make(map[string]int)
	for _, one := range all {
		counts[label(one)]++
	}
	for name, n := range counts {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), name)
	}
}

// leasedBy is the host of a lease: consumers, of which each has a name of its own, are one.
func leasedBy(l scheduler.Lease) string {
	if scheduler.IsConsumer(l.Host) {
		return "consumers"
	}
	return l.Host
}
