package api

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
)

// linked reports whether a request comes by a signed link: a GET with a
// signature and without a token. From here on the signature decides alone: what
// it does not cover is refused, also where dev would know its owner.
func linked(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && signed(r) && len(r.Header["Authorization"]) == 0
}

func signed(r *http.Request) bool { return r.URL.RawQuery != "" && r.URL.Query().Has("sig") }

// admitLink checks a request by a signed link. Where it comes from matters only
// for pages that want to read the answer: whoever has a link may follow it.
func (s *Server) admitLink(c *call) error {
	if err := s.guard.checkTarget(c.r); err != nil {
		return err
	}
	if !s.guard.linkOrigin(c.r) {
		return foreignOrigin()
	}
	c.link = true
	c.share()
	return s.openLink(c)
}

// openLink finds out who made the link, and reads as they would.
func (s *Server) openLink(c *call) error {
	if !linkTarget(c.r.URL) {
		return badLink()
	}
	link, sig, err := readLink(c.r)
	if err != nil {
		return err
	}
	who, left, err := s.opts.Tokens.CheckLink(c.ctx(), link, sig, s.linkOwner())
	if errors.Is(err, auth.ErrBadLink) {
		return badLink()
	}
	if errors.Is(err, auth.ErrLinkExpired) {
		return linkExpired()
	}
	c.who, c.until = who, time.Now().Add(left)
	return err
}

// jobPath is the path of something of a job.
var jobPath = regexp.MustCompile(`^/jobs/[1-9][0-9]*/(.+)$`)

// linkTarget: links are made for such a path, written as createLink writes it. No signature
// opens another one, whoever made it.
func linkTarget(u *url.URL) bool {
	parts := jobPath.FindStringSubmatch(u.Path)
	plain := url.URL{Path: u.Path}
	return parts != nil && linkable(parts[1]) && plain.EscapedPath() == u.EscapedPath()
}

// readLink takes a link and its signature out of a request.
func readLink(r *http.Request) (link auth.Link, sig string, err error) {
	q := r.URL.Query()
	seconds, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil || len(q["sig"]) != 1 || len(q["by"]) != 1 || len(q["expires"]) != 1 {
		return link, "", badLink()
	}
	return auth.Link{Path: r.URL.EscapedPath(), Token: q.Get("by"), Expires: time.Unix(seconds, 0)}, q.Get("sig"), nil
}

func linkExpired() error { return refuse(CodeLinkExpired, "ask whoever sent it for a new one") }

func badLink() error {
	return refuse(CodeBadLink, "it was altered, or what it was made with was revoked; ask whoever sent it for a new one")
}

// linkOwner is whom dev knows without a token: the links of the owner are good
// in dev only.
func (s *Server) linkOwner() *auth.Identity {
	if !s.opts.Dev {
		return nil
	}
	who := s.ownerIdentity()
	return &who
}

// lapsed: the link's time is over, also for a stream that began before.
func (c *call) lapsed() bool { return !c.until.IsZero() && time.Now().After(c.until) }
