package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

const serveLong = `Serve the HTTP interface on a store. Several servers on one Redis are equal:
put them behind any load balancer.

The first start writes an admin token to DATA/admin.token. Every request needs
a token. Beyond loopback the server refuses to listen without TLS.

With --with-agent this process is also the agent of this host: the single box
of several users.`

// serveFlags are the settings of mlq serve.
type serveFlags struct {
	store, namespace, blobs, publicURL string
	blobsFrom                          blobsFrom
	data, listen                       *string
	timeScale                          *int
	maxBlob                            *int64
	maxConnections                     *int
	keepOrphans                        *time.Duration
	secretKey, signingKey              *string
	origins                            *[]string
	callbacks                          *[]string
	withAgent, private                 bool
	gpuMetrics                         gpuMetrics
	limits                             *timeLimits
	keeping                            *keeping
	tls                                *tlsFlags
	log                                *logFlags
	agent                              *agentFlags
}

func newServe(io streams) *cobra.Command {
	var s serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the HTTP interface on a store",
		Long:  serveLong,
		Example: `  MLQ_STORE=redis://mlq:password@redis.lab:6379/0 mlq serve --listen 0.0.0.0:5001 --tls-self-signed
  mlq serve --with-agent                      # one box, several users, no Redis`,
		Args: none(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseUnknownVariables(cmd); err != nil {
				return err
			}
			return s.run(cmd.Context(), io)
		},
	}
	f := cmd.Flags()
	bindStore(cmd, &s.store, &s.namespace, "default: local:DATA/store")
	f.StringVar(&s.blobs, "blobs", "", "folder of payloads and results, the same for all servers of a store (default DATA/blobs)")
	s.blobsFrom.bind(f)
	f.StringVar(&s.publicURL, "public-url", "", "how users name this service: allowed host name, base of links")
	f.BoolVar(&s.private, "private", false, "hide users' names from other users, but not from admins")
	s.gpuMetrics.bind(f)
	f.BoolVar(&s.withAgent, "with-agent", false, "also be the agent of this host")
	variable(f, "blobs", "MLQ_BLOBS")
	variable(f, "public-url", "MLQ_PUBLIC_URL")
	s.data, s.listen, s.timeScale, s.maxBlob = dataFlag(cmd), listenFlag(cmd), timeScaleFlag(cmd), maxBlobFlag(cmd)
	s.maxConnections = connectionsFlag(cmd)
	s.keepOrphans, s.secretKey, s.signingKey = keepOrphansFlag(cmd), secretKeyFlag(f), signingKeyFlag(f)
	s.origins = originsFlag(cmd)
	s.callbacks = callbacksFlag(cmd)
	s.limits, s.keeping = bindTimeLimits(cmd, 24*time.Hour, 7*24*time.Hour), bindKeeping(cmd)
	s.tls, s.log, s.agent = bindTLS(cmd), bindLog(cmd, zerolog.InfoLevel, "json"), bindAgent(cmd)
	return cmd
}

// bindStore defines --store and --namespace.
func bindStore(cmd *cobra.Command, url, namespace *string, note string) {
	f := cmd.Flags()
	f.StringVar(url, "store", "", "the store: "+storeHelp+"; "+note)
	f.StringVar(namespace, "namespace", "", "name that separates everything in one store; the same as ?namespace= in its URL")
	variable(f, "store", "MLQ_STORE")
	variable(f, "namespace", "MLQ_NAMESPACE")
}

// run reads the settings, opens everything, and serves until a signal.
func (s *serveFlags) run(ctx context.Context, io streams) (err error) {
	log, err := s.log.logger(io.err)
	if err != nil {
		return err
	}
	c, err := s.config(log)
	if err != nil {
		return err
	}
	if c.data, err = takeData(*s.data, "serve"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.data.close()) }()
	if err := s.fill(&c); err != nil {
		return err
	}
	srv, err := newServer(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	return s.serve(ctx, io, srv, c)
}

// config reads what needs no file.
func (s *serveFlags) config(log zerolog.Logger) (c serverConfig, err error) {
	c = serverConfig{listen: *s.listen, maxBlob: *s.maxBlob, maxConnections: *s.maxConnections, keepOrphans: *s.keepOrphans, secretKey: *s.secretKey, signingKey: *s.signingKey, limits: *s.limits, keeping: *s.keeping, private: s.private, noDCGMNames: s.gpuMetrics == gpuMetricsNone, origins: *s.origins, tls: s.tls, log: log}
	if err := checkListen(c.listen); err != nil {
		return c, err
	}
	if err := checkConnections(c.maxConnections, api.OpenFiles()); err != nil {
		return c, err
	}
	if err := checkOrigins(c.origins); err != nil {
		return c, err
	}
	if c.callbacks, err = readCallbacks(*s.callbacks); err != nil {
		return c, err
	}
	if err := s.limits.check(); err != nil {
		return c, err
	}
	if err := s.keeping.check(); err != nil {
		return c, err
	}
	if err := s.tls.check(c.listen); err != nil {
		return c, err
	}
	if c.publicURL, err = readPublicURL(s.publicURL); err != nil {
		return c, err
	}
	if c.timing, err = timing(*s.timeScale); err != nil {
		return c, err
	}
	if c.blobsFrom, err = s.blobsFrom.check(s.blobs); err != nil {
		return c, err
	}
	if s.withAgent {
		if err := s.agent.check(); err != nil {
			return c, err
		}
	}
	if s.store != "" {
		c.store, err = readStoreURL(s.store, s.namespace)
	}
	return c, err
}

// fill gives what lies in the data folder by default.
func (s *serveFlags) fill(c *serverConfig) (err error) {
	if s.store == "" {
		c.store, err = readStoreURL("local:"+c.data.join("store"), s.namespace)
	}
	c.blobs = s.blobs
	if c.blobs == "" && c.blobsFrom.url == "" {
		c.blobs = c.data.join("blobs")
	}
	return err
}

func (s *serveFlags) serve(ctx context.Context, io streams, srv *server, c serverConfig) error {
	token, written, err := srv.tokens.Bootstrap(ctx, c.data.path)
	if err != nil {
		return fmt.Errorf("admin token: %w", err)
	}
	var g group
	srv.start(ctx, &g)
	if err := s.startRest(ctx, &g, srv, c); err != nil {
		g.stop()
		return err
	}
	fmt.Fprintf(io.out, "mlq serve at %s\nstore: %s\npage: %s/\n", srv.url, srv.worth, srv.public(c))
	if srv.fingerprint != "" {
		fmt.Fprintf(io.out, "certificate: SHA-256 %s\n", srv.fingerprint)
	}
	if written {
		fmt.Fprintf(io.out, "admin token: in %s\nlog in: mlq login %s --token-file %s\n", token, loginAddress(srv, c), token)
	}
	return g.wait(ctx)
}

// startRest starts what looks at the server from outside: the agent of this
// host, if it is wanted, and who tells the service manager of both.
func (s *serveFlags) startRest(ctx context.Context, g *group, srv *server, c serverConfig) error {
	watch := &supervision{log: c.log}
	signs, err := serverSigns(srv)
	if err != nil {
		return err
	}
	watch.add(signs)
	if s.withAgent {
		if err := s.startAgent(ctx, g, srv, c, watch); err != nil {
			return err
		}
	}
	return watch.start(ctx, g)
}

// loginAddress is the server with its pin, as mlq login takes them.
func loginAddress(srv *server, c serverConfig) string {
	at := address{url: srv.url}
	if c.publicURL != nil {
		at.url = strings.TrimRight(c.publicURL.String(), "/")
	}
	if p, err := readPin(srv.fingerprint); err == nil {
		at.pin = p.String()
	}
	return at.url + at.flag()
}
