package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/callback"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// serverConfig is what a process needs to answer HTTP.
type serverConfig struct {
	store   storePlace
	data    *dataFolder
	maxBlob int64 // bytes; 0: the API's default
	// maxConnections is how many are held at once; 0: the API's default.
	maxConnections int
	secretKey      string // file of the keys of secrets
	// signingKey is the file of the keys that jobs are signed with.
	signingKey string
	blobs      string    // folder, "" where they are another server's
	blobsFrom  blobsFrom // that server
	// keepOrphans is how long stays what no job names; 0: for ever.
	keepOrphans time.Duration
	limits      timeLimits
	keeping     keeping
	private     bool
	noDCGMNames bool // no readings of devices under the names of dcgm-exporter
	listen      string
	tls         *tlsFlags // nil: none
	publicURL   *url.URL
	origins     []string // whose pages may read signed links
	callbacks   callback.Policy
	timing      scheduler.Timing
	dev         bool
	owner       api.Owner
	log         zerolog.Logger
}

// server is an open store with everything that serves it, not yet started.
type server struct {
	store       store.Store
	snapshots   store.Snapshots // the same; nil: it takes none
	scheduler   *scheduler.Scheduler
	tokens      *auth.Tokens
	secrets     *secrets.Vault
	ring        *signing.Ring
	blobs       api.Blobs
	folder      *blob.Folder // nil: the blobs are another server's
	callbacks   *callback.Sender
	collector   *api.Collector // likewise, or it is not wanted
	metrics     *prometheus.Registry
	http        *api.Server
	listener    net.Listener
	url         string // as this machine reaches it
	worth       string // what the store's acknowledgement is worth
	fingerprint string // of the certificate, "" without
	idle        []byte // see idleHeap
}

// idleHeap is memory that nobody touches, so that it takes addresses but no
// pages. The collector, which runs when the heap has doubled, so runs after 16
// MiB of garbage at the earliest: a server's own heap is a few MiB, and under
// load it was collected dozens of times a second, with every connection's stack.
const idleHeap = 16 << 20

// newServer opens everything in order; what it opened before a failure is
// closed again.
func newServer(ctx context.Context, c serverConfig) (s *server, err error) {
	s = &server{idle: make([]byte, idleHeap)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	// The port comes first: a taken one is the likeliest mistake, and nothing
	// has been touched yet.
	if s.listener, err = listenOn(ctx, c.listen); err != nil {
		return s, err
	}
	if err = c.data.refuseHalf(); err != nil {
		return s, err
	}
	if err = s.openStore(ctx, c); err != nil {
		return s, err
	}
	if err = s.openSecrets(ctx, c); err != nil {
		return s, err
	}
	if err = s.openBlobs(ctx, c); err != nil {
		return s, err
	}
	if err = s.collect(c); err != nil {
		return s, err
	}
	return s, s.openHTTP(c)
}

func (s *server) openStore(ctx context.Context, c serverConfig) (err error) {
	if s.store, err = c.store.open(ctx); err != nil {
		return err
	}
	if mended, ok := s.store.(interface{ Mended() string }); ok && mended.Mended() != "" {
		c.log.Warn().Msg(mended.Mended())
	}
	if s.worth, err = s.store.Describe(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if c.timing.HoldOff, err = holdOff(ctx, s.store, c.timing.HoldOff); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.metrics = prometheus.NewRegistry()
	s.snapshots, _ = s.store.(store.Snapshots)
	s.store = api.MeasureStore(s.store, s.metrics)
	if err = s.openRing(ctx, c); err != nil {
		return err
	}
	s.tokens = auth.New(s.store, auth.Options{Ring: s.ring, Log: c.log})
	high := highwater.New(c.data.join("highest_job_id"))
	if _, err := high.Load(); err != nil {
		return misconfigured("highest job id: %w", err)
	}
	s.scheduler, err = scheduler.New(s.store, scheduler.Options{
		Timing: c.timing, Log: c.log, Version: version, HighWater: high, Ring: s.ring, Worth: s.worth,
	})
	if err != nil {
		return err
	}
	s.callbacks = callback.New(callback.Options{
		Scheduler: s.scheduler, Policy: c.callbacks, Log: c.log, Metrics: s.metrics, Version: version,
	})
	return s.openSchema(ctx, c)
}

// openSchema migrates the store only for a server that has its keys: one that has not ends
// here, and servers of before are to find the store as they left it.
func (s *server) openSchema(ctx context.Context, c serverConfig) error {
	if err := s.scheduler.OpenSchema(ctx, false); err != nil && !errors.Is(err, scheduler.ErrOlderSchema) {
		return err
	}
	if err := s.fitRing(ctx, c); err != nil {
		return err
	}
	if err := s.scheduler.OpenSchema(ctx, true); err != nil {
		return err
	}
	return s.bindRing(ctx, c)
}

// holdOff is the hold-off on this store: agents may have renewed their leases with
// a master that was cut off, until it noticed.
func holdOff(ctx context.Context, st store.Store, least time.Duration) (time.Duration, error) {
	over, ok := st.(store.FailsOver)
	if !ok {
		return least, nil
	}
	lag, err := over.Lag(ctx)
	return least + lag, err
}

func (s *server) openHTTP(c serverConfig) (err error) {
	scheme := "http"
	var secure *tls.Config
	if c.tls != nil {
		if secure, s.fingerprint, err = c.tls.config(c.data, namesOf(c.listen, c.publicURL), c.log); err != nil {
			return err
		}
		if secure != nil {
			scheme = "https"
		}
	}
	s.url = scheme + "://" + reachable(s.listener.Addr())
	client, err := clientPackages(c.data)
	if err != nil {
		return err
	}
	s.http, err = api.New(api.Options{
		Scheduler: s.scheduler, Store: s.store, Tokens: s.tokens, Secrets: s.secrets, Ring: s.ring, Blobs: s.blobs,
		Snapshots: s.snapshots,
		Log:       c.log, Version: version, Client: client, Dev: c.dev, Owner: c.owner, PublicURL: c.publicURL, Origins: c.origins, BehindTLS: c.tls != nil && c.tls.behindProxy, Metrics: s.metrics, TLS: secure, MaxBlob: c.maxBlob, MaxConnections: c.maxConnections,
		DefaultTimeout: time.Duration(c.limits.byDefault), MaxTimeout: time.Duration(c.limits.most),
		DefaultResultTTL: time.Duration(c.keeping.byDefault), MaxResultTTL: time.Duration(c.keeping.most),
		Private: c.private, Callbacks: c.callbacks, NoDCGMNames: c.noDCGMNames,
	})
	return err
}

// start runs the loops of the scheduler, then the HTTP server.
func (s *server) start(ctx context.Context, g *group) {
	s.startLoops(ctx, g)
	s.answer(ctx, g)
}

func (s *server) startLoops(ctx context.Context, g *group) {
	g.start(ctx, "scheduler", s.scheduler.Run)
	g.start(ctx, "callbacks", s.callbacks.Run)
	if s.collector != nil {
		g.start(ctx, "collector", s.collector.Run)
	}
}

// answer begins to answer requests; who came before has waited.
func (s *server) answer(ctx context.Context, g *group) {
	g.start(ctx, "server", func(ctx context.Context) error { return s.http.Serve(ctx, s.listener) })
}

// close frees what newServer opened, after all that uses it has stopped.
func (s *server) close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.folder != nil {
		errs = append(errs, s.folder.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
