// Package api is MLQ over HTTP: the server, the words on the wire, and the Go
// client.
//
// A request passes, in this order: its host name, its origin, its token, the
// route, the route's roles (guard.go, who.go, routes.go). Handlers return
// errors; one place writes them (call.go), from one table (problem.go). What
// runs is decided by package scheduler; what is large lies in a folder of blobs.
package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/audit"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/scheduler"
)

// Server answers HTTP requests. Make one with New, run it with Serve.
type Server struct {
	opts      Options
	scheduler *scheduler.Scheduler
	log       zerolog.Logger
	mux       *chi.Mux
	guard     guard
	hub       hub
	places    *places // of connections
	tail      *tail
	rates     rates
	joins     rates // by address
	refusals  rates // told in the log, by user
	renewals  rates
	sick      rates // what /readyz tells in the log, by its words
	data      *data.Shelf
	audits    *audit.Log
	// clientVersion is the header Mlq-Client, as a value that all answers share; nil: none.
	clientVersion []string
	disk          disk
	verified      *verified // what is downloaded
	calls         *verified // what is about to start: no download holds that up
	surveys       surveys
	metrics       *metrics
	// stopping is closed when Serve ends: streams and waits end with it.
	stopping chan struct{}
}

// New makes a server; it starts nothing.
func New(opts Options) (*Server, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	s := &Server{
		opts:      opts,
		scheduler: opts.Scheduler,
		log:       opts.Log,
		guard:     newGuard(opts),
		data:      data.New(opts.Store),
		audits:    audit.New(opts.Store),
		disk:      disk{look: lookAt(opts.Blobs)},
		rates:     rates{perSecond: opts.SubmitRate, burst: opts.SubmitBurst},
		joins:     rates{perSecond: joinsPerSecond, burst: joinsAtOnce},
		refusals:  rates{perSecond: refusalsPerSecond, burst: refusalsAtOnce},
		sick:      rates{perSecond: sickPerSecond, burst: 1},
		renewals:  renewalRate(opts.Scheduler.Timing()),
		places:    newPlaces(opts),
		tail:      newTail(opts.Scheduler),
		verified:  newVerified(opts.Blobs),
		calls:     newVerified(opts.Blobs),
		stopping:  make(chan struct{}),
	}
	if opts.Client.Version != "" {
		s.clientVersion = []string{opts.Client.Version}
	}
	s.metrics = newMetrics(opts.Metrics, s)
	s.mux = s.router()
	return s, nil
}

// Serve answers connections of ln until ctx ends, then lets requests finish
// for a moment. It returns nil after such an end.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.verified.end()
	defer s.calls.end()
	server := s.httpServer()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		s.hub.run(ctx, s.scheduler, s.log)
	}()
	following := make(chan struct{})
	go func() {
		defer close(following)
		s.tail.run(ctx, &s.hub, s.opts.SafetyReread)
	}()
	keeping := make(chan struct{})
	go func() {
		defer close(keeping)
		s.keepProcesses(ctx)
	}()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener(ln)) }()
	select {
	case err := <-ended:
		cancel()
		<-watching
		<-following
		<-keeping
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	close(s.stopping)
	err := shutdown(server)
	if failure := <-ended; !errors.Is(failure, http.ErrServerClosed) {
		err = errors.Join(err, failure)
	}
	<-watching
	<-following
	<-keeping
	return err
}

// shutdown waits for requests under way, then cuts what is left.
func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}

func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.opts.HeaderTimeout,
		IdleTimeout:       s.opts.IdleTimeout,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withPeer,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          discardLog(s.log),
	}
}
