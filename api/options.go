package api

import (
	"crypto/tls"
	"errors"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/callback"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Options of a Server. The zero value of a limit means its default.
type Options struct {
	Scheduler *scheduler.Scheduler
	Store     store.Store // for tokens and listener functions
	Tokens    *auth.Tokens
	Secrets   *secrets.Vault
	// Ring is what Scheduler and Tokens sign with; nil: they do not, and nothing is checked.
	Ring      *signing.Ring
	Blobs     Blobs
	Snapshots store.Snapshots // the same store, for backups; nil: none can be taken
	Log       zerolog.Logger
	Version   string
	Client    ClientPackages // the Python packages to hand out
	// Metrics is what /metrics shows; nil: a registry of the server's own.
	Metrics *prometheus.Registry
	// NoDCGMNames: /metrics has no readings of devices under the names of NVIDIA's
	// dcgm-exporter, because that one runs too.
	NoDCGMNames bool

	// TLS: connections are under TLS, and may be of HTTP/2; nil: in the clear.
	TLS *tls.Config

	// Dev: the user Owner on this machine needs no token over loopback.
	Dev   bool
	Owner Owner

	// Callbacks says which addresses are refused in callbacks at once.
	Callbacks callback.Policy

	// Private: users do not see the names of other users.
	Private bool

	// PublicURL is how users name the service: an allowed Host, and the base of links. nil: none.
	PublicURL *url.URL
	// Hosts are further names that the server answers to, beside loopback
	// and the address that a connection came to.
	Hosts []string
	// Origins are those whose web pages may read signed links ("https://lab.example.org").
	Origins []string
	// BehindTLS: a proxy in front does TLS, so links begin with https://.
	BehindTLS bool

	MaxBody          int64         // bytes of a body that is read into memory; 64 MiB
	MaxBlob          int64         // bytes of an upload; 8 GiB
	MaxLog           int64         // bytes of one attempt's log; 17 MiB
	MaxConnections   int           // at once; 16,384, or as many as PlacesFor allows
	MaxFromAddress   int           // of them from one address; 1024
	MaxQueued        int           // waiting jobs of one user; 100,000
	SubmitRate       float64       // submits per second of one user; 0: no limit
	SubmitBurst      int           // of them at once; 1000
	DefaultTimeout   time.Duration // of jobs that name none; 0: none
	MaxTimeout       time.Duration // of any job; 0: none
	DefaultResultTTL time.Duration // of jobs that name none; 0: for ever
	MaxResultTTL     time.Duration // the longest that may be named; 0: any
	MinBytesPerSec   int64         // of a body or an answer, or it is given up; 16 KiB
	SlowGrace        time.Duration // before that counts for a sender; 5 s
	ReadGrace        time.Duration // before it counts for a reader; 2 min, because kernels pass up to 2 MiB at once on to a slow one
	HeaderTimeout    time.Duration // 5 s
	IdleTimeout      time.Duration // 60 s
	MaxWait          time.Duration // of ?wait=; 30 s
	SafetyReread     time.Duration // a waiting request reads again after this, in case a notice was lost; 5 s
}

// Owner is who may use a dev server without a token.
type Owner struct {
	UID  int
	Name string
}

func (o Options) check() error {
	switch {
	case o.Scheduler == nil, o.Store == nil, o.Tokens == nil, o.Secrets == nil, o.Blobs == nil:
		return errors.New("api: Scheduler, Store, Tokens, Secrets and Blobs are needed")
	case o.PublicURL != nil && o.PublicURL.Host == "":
		return errors.New("api: the public URL has no host")
	}
	return nil
}

func (o Options) withDefaults() Options {
	fill(&o.MaxBody, 64<<20)
	fill(&o.MaxBlob, 8<<30)
	fill(&o.MaxLog, 17<<20)
	fill(&o.MaxConnections, min(maxPlaces, PlacesFor(OpenFiles())))
	fill(&o.MaxFromAddress, 1024)
	fill(&o.MaxQueued, 100_000)
	fill(&o.SubmitBurst, 1000)
	fill(&o.MinBytesPerSec, 16<<10)
	fill(&o.SlowGrace, 5*time.Second)
	fill(&o.ReadGrace, 2*time.Minute)
	fill(&o.HeaderTimeout, 5*time.Second)
	fill(&o.IdleTimeout, 60*time.Second)
	fill(&o.MaxWait, 30*time.Second)
	fill(&o.SafetyReread, 5*time.Second)
	if o.Version == "" {
		o.Version = "unknown"
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	return o
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
