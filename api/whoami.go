package api

import (
	"net/http"
	"strings"

	"github.com/mlq-dev/mlq/api/auth"
)

// Whoami is whose token a request has, and what holds for that user.
type Whoami struct {
	User       string    `json:"user"`
	Role       auth.Role `json:"role"`
	Unix       string    `json:"unix,omitempty"`          // account on hosts
	MaxQueued  int       `json:"max_queued,omitempty"`    // jobs that wait
	MaxDevices int       `json:"max_devices,omitempty"`   // at once; 0: no limit
	MaxTimeout float64   `json:"max_timeout_s,omitempty"` // seconds of one job; 0: no limit
	Version    string    `json:"version"`                 // of the server
	URL        string    `json:"url,omitempty"`           // how users name the server, if it knows
	Client     string    `json:"client,omitempty"`        // path of the Python package that goes with it
}

// publicURL is how users name this server, "" where that was not said.
func (s *Server) publicURL() string {
	if s.opts.PublicURL == nil {
		return ""
	}
	return strings.TrimRight(s.opts.PublicURL.String(), "/")
}

// whoami answers GET /whoami.
func (s *Server) whoami(c *call) error {
	limits, err := s.submitter(c)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, Whoami{
		User: c.who.User, Role: c.who.Role, Unix: c.who.Unix, Version: s.opts.Version, URL: s.publicURL(), Client: s.opts.Client.path(),
		MaxQueued: limits.MaxQueued, MaxDevices: limits.MaxDevices, MaxTimeout: limits.Timeouts().Max.Seconds(),
	})
}
