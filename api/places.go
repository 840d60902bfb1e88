package api

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// maxPlaces is how many connections are held by default: an idle one takes some 20 KiB,
// under TLS twice that, so that they take less than a GiB whatever comes.
const maxPlaces = 16_384

// PlacesFor is how many connections a process may hold that may have so many files open: a
// fifth of them, and 256 at least, are left for the store, blobs and logs.
func PlacesFor(files uint64) int {
	if files > 1<<30 { // no limit
		return 1 << 30
	}
	return max(64, int(files)-max(256, int(files)/5))
}

// OpenFiles is how many files this process may have open. Go's start has raised the limit
// as far as the process may by itself.
func OpenFiles() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024 // POSIX has no system without this limit; 1024 is the usual one
	}
	return limit.Cur
}

// places counts the connections that are open, of each address and of all of them.
type places struct {
	ofAll, ofEach int // most
	metrics       placeMetrics

	mu   sync.Mutex
	all  int
	from map[string]int
}

func newPlaces(o Options) *places {
	return &places{ofAll: o.MaxConnections, ofEach: o.MaxFromAddress, metrics: newPlaceMetrics(o.Metrics), from: make(map[string]int)}
}

// take gives an address a place, if it has not too many and there is one.
func (p *places) take(ip string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.from[ip] >= p.ofEach:
		p.metrics.ofAddress.Inc()
		return false
	case p.all >= p.ofAll:
		p.metrics.ofAll.Inc()
		return false
	}
	p.from[ip]++
	p.all++
	p.metrics.open.Inc()
	return true
}

func (p *places) give(ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from[ip]--; p.from[ip] == 0 {
		delete(p.from, ip)
	}
	p.all--
	p.metrics.open.Dec()
}

type placeMetrics struct {
	open             prometheus.Gauge
	ofAddress, ofAll prometheus.Counter // refused
}

func newPlaceMetrics(reg *prometheus.Registry) placeMetrics {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mlq_http_refused_connections_total", Help: "Connections that were not accepted, by the limit that was reached: of one address, or of all.",
	}, []string{"limit"})
	m := placeMetrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mlq_http_connections", Help: "Connections that are open, idle ones among them.",
		}),
		ofAddress: refused.WithLabelValues("address"), ofAll: refused.WithLabelValues("all"),
	}
	reg.MustRegister(m.open, refused)
	return m
}
