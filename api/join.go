package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// Admission is the answer of POST /hosts: what a machine needs to join.
type Admission struct {
	Host    string    `json:"host"`
	Code    string    `json:"code"` // here, once
	Expires time.Time `json:"expires"`
	URL     string    `json:"url,omitempty"` // how users name this server, if it knows
}

// Removed is the answer of DELETE /hosts/{host}.
type Removed struct {
	Host   string            `json:"host"`
	Tokens []string          `json:"tokens"` // ids of those that were revoked
	Jobs   []scheduler.JobID `json:"jobs"`   // that had a lease there
}

// Joined is the answer of POST /join.
type Joined struct {
	Host string `json:"host"`
}

// addHost answers POST /hosts {host}.
func (s *Server) addHost(c *call) error {
	fields, err := s.texts(c, "host")
	if err != nil {
		return err
	}
	name := fields["host"]
	if scheduler.IsConsumer(name) {
		return refuseField(CodeInvalidField, "/host", "host: names of this form are those of consumers")
	}
	if err := s.refuseLiving(c, name); err != nil {
		return err
	}
	code, expires, err := s.opts.Tokens.AddHost(c.ctx(), name)
	if err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("host", name).Msg("host may join")
	return s.write(c, http.StatusCreated, Admission{Host: name, Code: code, Expires: expires, URL: s.publicURL()})
}

// join answers POST /join {code, token}: the code lets the machine's token in.
func (s *Server) join(c *call) error {
	if err := s.joins.allow(peerAddress(c.r), 1, "too many tries to join from this address"); err != nil {
		return err
	}
	fields, err := s.texts(c, "code", "token")
	if err != nil {
		return err
	}
	kept, err := s.opts.Tokens.Join(c.ctx(), fields["code"], fields["token"], func(host string) error { return s.refuseLiving(c, host) })
	if err != nil {
		s.log.Warn().Str("peer", peerAddress(c.r)).Err(err).Msg("a machine may not join")
		return err
	}
	s.log.Info().Str("host", kept.User).Str("token", kept.ID).Str("peer", peerAddress(c.r)).Msg("host has joined")
	err = s.write(c, http.StatusOK, Joined{Host: kept.User})
	s.auditAs(c, kept.User, kept.ID)
	return err
}

// removeHost answers DELETE /hosts/{host}?force=true. A host without its token
// can tell no end of a job any more, so one that has leases stays, unless forced.
func (s *Server) removeHost(c *call) error {
	name := c.param("host")
	force, err := forced(c)
	if err != nil {
		return err
	}
	jobs, err := s.jobsOn(c, name)
	if err != nil {
		return err
	}
	if len(jobs) > 0 && !force {
		return refuse(CodeHostBusy, fmt.Sprintf("it has work: %s; drain the host and wait, or force it and lose them", jobList(jobs)))
	}
	tokens, err := s.opts.Tokens.RemoveHost(c.ctx(), name)
	if errors.Is(err, auth.ErrNotFound) {
		return refuse("unknown-host", "no host of that name was let in")
	}
	if err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("host", name).Strs("tokens", tokens).Msg("host was removed")
	return s.write(c, http.StatusOK, Removed{Host: name, Tokens: append([]string{}, tokens...), Jobs: jobs})
}

func forced(c *call) (bool, error) {
	switch c.r.URL.Query().Get("force") {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, refuse(CodeBadRequest, "force: want true or false")
}

// ofHost reports whether an agent's name is a host's, or that of one of its
// agents for single devices, NAME@INSTANCE.
func ofHost(agent, host string) bool {
	name, _, _ := strings.Cut(agent, "@")
	return name == host
}

// refuseLiving refuses a name under which an agent works now.
func (s *Server) refuseLiving(c *call, name string) error {
	hosts, err := s.scheduler.Hosts(c.ctx())
	if err != nil {
		return err
	}
	for i := range hosts {
		if h := &hosts[i]; ofHost(h.Host, name) && time.Now().Before(h.LeaseUntil) {
			return fmt.Errorf("%w: an agent of host %s is at work", auth.ErrHostTaken, name)
		}
	}
	return nil
}

func (s *Server) jobsOn(c *call, host string) ([]scheduler.JobID, error) {
	leases, err := s.scheduler.Leases(c.ctx())
	jobs := []scheduler.JobID{}
	for i := range leases {
		if ofHost(leases[i].Host, host) {
			jobs = append(jobs, leases[i].Job)
		}
	}
	return jobs, err
}

func jobList(jobs []scheduler.JobID) string {
	words := make([]string, len(jobs))
	for i, id := range jobs {
		words[i] = fmt.Sprint(id)
	}
	if len(words) == 1 {
		return "job " + words[0]
	}
	return "jobs " + strings.Join(words, ", ")
}

// Tries to join from one address: a rack that is set up by a script gets
// through, and a code of 256 bits is not guessed at any rate. It keeps whoever
// has no token from keeping the store busy.
const (
	joinsPerSecond = 2
	joinsAtOnce    = 20
)

// maxTexts bounds the body of a request that anybody may send.
const maxTexts = 4 << 10

// texts reads a small JSON object, all of whose fields are texts and needed.
func (s *Server) texts(c *call, names ...string) (map[string]string, error) {
	if c.r.ContentLength > maxTexts {
		return nil, refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes", maxTexts))
	}
	c.r.Body = http.MaxBytesReader(nil, c.r.Body, maxTexts)
	fields, err := s.readObject(c)
	if err != nil {
		return nil, err
	}
	return readTexts(fields, names)
}

func readTexts(fields []strictjson.Field, names []string) (map[string]string, error) {
	texts := make(map[string]string, len(names))
	for _, name := range names {
		texts[name] = ""
	}
	for _, f := range fields {
		var text string
		if _, ok := texts[f.Name]; !ok {
			return nil, refuseField(Code(submission.CodeUnknownField), "/"+f.Name, "no such field; there are "+strings.Join(names, ", "))
		}
		if err := json.Unmarshal(f.Raw, &text); err != nil {
			return nil, refuseField(CodeInvalidField, "/"+f.Name, "want a text")
		}
		texts[f.Name] = text
	}
	for _, name := range names {
		if texts[name] == "" {
			return nil, refuseField(CodeInvalidField, "/"+name, name+" is missing")
		}
	}
	return texts, nil
}

// peerAddress is the address that a request came from; behind a proxy, the proxy's.
func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
