package api

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Health is the answer of /healthz as JSON.
type Health struct {
	Status  string `json:"status"` // ok: else there is no answer
	Version string `json:"version"`
}

// healthz answers that the process is there: ok, as the predecessor says, and
// with its version for whoever asks for JSON.
func (s *Server) healthz(c *call) error {
	c.Header().Set("Mlq-Version", s.opts.Version)
	c.Header().Add("Vary", "Accept")
	if !strings.Contains(c.r.Header.Get("Accept"), scheduler.MediaJSON) {
		return c.text(http.StatusOK, "ok")
	}
	return s.write(c, http.StatusOK, Health{Status: "ok", Version: s.opts.Version})
}

// Ready is the answer of /readyz.
type Ready struct {
	Ready    bool     `json:"ready"`
	Version  string   `json:"version"`
	Problems []string `json:"problems"` // why it takes no work
	Warnings []string `json:"warnings"` // what an admin should look at
}

// readyz answers whether jobs can be submitted and results be fetched now.
func (s *Server) readyz(c *call) error {
	ctx, cancel := context.WithTimeout(c.ctx(), 2*time.Second)
	defer cancel()
	ready := Ready{Version: s.opts.Version, Problems: []string{}, Warnings: []string{}}
	if err := s.scheduler.Ready(ctx); err != nil {
		ready.Problems = append(ready.Problems, "store: "+s.forEverybody(err))
	}
	s.judgeDisk(&ready)
	s.judgeStore(ctx, &ready)
	s.inspectStore(ctx, &ready)
	ready.Ready = len(ready.Problems) == 0
	status := readyStatus(ready.Problems)
	if !ready.Ready {
		c.Header().Set("Retry-After", "2")
	}
	return s.write(c, status, ready)
}

// forEverybody is what /readyz, which asks for no token, tells of a store that
// does not answer. Errors of the network and of certificates name addresses, those
// of files paths: the log has them. Redis's own words, as LOADING, are told.
func (s *Server) forEverybody(err error) string {
	var reply interface{ RedisError() }
	switch {
	case errors.Is(err, scheduler.ErrHold):
		return err.Error()
	case errors.Is(err, store.ErrUnavailable) && errors.As(err, &reply):
		return fmt.Sprintf("%v: %v", store.ErrUnavailable, reply)
	case errors.Is(err, store.ErrUnavailable):
		return fmt.Sprintf("%v: %s", store.ErrUnavailable, logSays)
	}
	s.tellSick("not ready: what the store answers cannot be used", err)
	return "its answer cannot be used: " + logSays
}

const logSays = "the server's log says why"

// sickPerSecond: each trouble is told in the log at once, and again once a minute.
const sickPerSecond = 1.0 / 60

// tellSick writes to the log why /readyz says no. No more often: it asks for no token, so anybody
// could fill the log.
func (s *Server) tellSick(words string, err error) {
	if s.sick.allow(words+": "+err.Error(), 1, "") == nil {
		s.log.Error().Err(err).Msg(words)
	}
}

func (s *Server) judgeDisk(ready *Ready) {
	space, err := s.disk.now()
	switch free := space.FreePercent(); {
	case errors.Is(err, blob.ErrAway): // its address, which is in the error, is not for everybody
		ready.Problems = append(ready.Problems, "blobs: "+blob.ErrAway.Error())
	case err != nil:
		s.tellSick("not ready: the disk of the blobs cannot be looked at", err)
		ready.Problems = append(ready.Problems, "blobs: their disk cannot be looked at: "+logSays)
	case space.ReadOnly:
		ready.Problems = append(ready.Problems, "disk-full: the disk of the blobs is mounted read-only")
	case free < diskFull:
		ready.Problems = append(ready.Problems, fmt.Sprintf("disk-full: %.1f %% of the disk of the blobs is free", free))
	case free < diskWarn:
		ready.Warnings = append(ready.Warnings, fmt.Sprintf("disk: %.1f %% of the disk of the blobs is free", free))
	}
}

// storeWarn is the part of a store's room above which /readyz warns, in percent:
// what is left has to last until an admin has looked.
const storeWarn = 70.0

// judgeStore warns before a store with a limit is full. That it does not answer
// at all is a problem that is told already.
func (s *Server) judgeStore(ctx context.Context, ready *Ready) {
	sized, ok := s.opts.Store.(store.Sized)
	if !ok || len(ready.Problems) > 0 {
		return
	}
	used, limit, err := sized.Size(ctx)
	if err != nil {
		ready.Warnings = append(ready.Warnings, "store: "+s.forEverybody(err))
		return
	}
	if full := 100 * float64(used) / float64(max(limit, 1)); limit > 0 && full > storeWarn {
		ready.Warnings = append(ready.Warnings, fmt.Sprintf("store: %.0f %% of its %d MiB is used", full, limit>>20))
	}
}

// inspectStore tells what somebody has made of the store's server since it was opened.
func (s *Server) inspectStore(ctx context.Context, ready *Ready) {
	inspected, ok := s.opts.Store.(store.Inspected)
	if !ok || len(ready.Problems) > 0 {
		return
	}
	problems, warnings, err := inspected.Inspect(ctx)
	if err != nil { // likewise: it has an address
		warnings = append(warnings, "the settings of its server could not be read")
	}
	for _, text := range problems {
		ready.Problems = append(ready.Problems, "store: "+text)
	}
	for _, text := range warnings {
		ready.Warnings = append(ready.Warnings, "store: "+text)
	}
}

//go:embed openapi.yaml
var openAPI []byte

// openAPI answers with the contract.
func (s *Server) openAPI(c *call) error {
	c.Header().Set("Content-Type", "application/yaml")
	c.WriteHeader(http.StatusOK)
	c.send(openAPI)
	return nil
}
