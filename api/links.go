package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/units"
)

// How long a signed link is good.
const (
	linkDefault = time.Hour
	linkMost    = 24 * time.Hour
)

// Link answers the making of a signed link.
type Link struct {
	URL     string    `json:"url"` // absolute
	Expires time.Time `json:"expires"`
}

// wantedLink is what POST /jobs/{id}/links may say.
type wantedLink struct {
	path string
	ttl  time.Duration
}

// createLink answers POST /jobs/{id}/links {path, ttl}: a URL that needs no
// token, for one thing of the job. What it leads to need not be there yet.
func (s *Server) createLink(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	wanted, err := s.wantedLink(c)
	if err != nil {
		return err
	}
	target := url.URL{Path: "/jobs/" + strconv.FormatInt(int64(job.ID), 10) + "/" + wanted.path}
	link, signature, err := s.opts.Tokens.SignLink(c.ctx(), c.who, target.EscapedPath(), wanted.ttl)
	if err != nil {
		return err
	}
	target.RawQuery = url.Values{
		"by": {link.Token}, "expires": {strconv.FormatInt(link.Expires.Unix(), 10)}, "sig": {signature},
	}.Encode()
	return s.write(c, http.StatusCreated, Link{URL: s.base(c) + target.String(), Expires: link.Expires})
}

func (s *Server) wantedLink(c *call) (wantedLink, error) {
	wanted := wantedLink{path: "result", ttl: linkDefault}
	fields, err := s.readObject(c)
	if err != nil {
		return wanted, err
	}
	for _, f := range fields {
		if err := wanted.set(f.Name, f.Raw); err != nil {
			return wanted, err
		}
	}
	return wanted, nil
}

func (w *wantedLink) set(name string, raw json.RawMessage) (err error) {
	switch name {
	case "path":
		if json.Unmarshal(raw, &w.path) != nil || !linkable(w.path) {
			return refuseField(CodeInvalidField, "/path", "want result, result.EXT, logs, events or files/NAME")
		}
	case "ttl":
		if w.ttl, err = linkTTL(raw); err != nil {
			return refuseField(CodeInvalidField, "/ttl", `want a duration above 0, at most 24h: "90s", "1h", or seconds`)
		}
	default:
		return refuseField(Code(submission.CodeUnknownField), "/"+name, "no such field; there are path and ttl")
	}
	return nil
}

func linkTTL(raw json.RawMessage) (time.Duration, error) {
	text := string(raw)
	if json.Unmarshal(raw, &text) != nil && !regexp.MustCompile(`^[0-9.]+$`).MatchString(text) {
		return 0, auth.ErrInvalid
	}
	d, err := units.ParseDuration(text)
	if err != nil || d < time.Second || d > linkMost {
		return 0, auth.ErrInvalid
	}
	return d, nil
}

// linkable is what of a job can be read by a link.
func linkable(path string) bool {
	if slices.Contains([]string{"result", "logs", "events"}, path) {
		return true
	}
	if ext, ok := strings.CutPrefix(path, "result."); ok {
		return ending.MatchString(ext)
	}
	name, ok := strings.CutPrefix(path, "files/")
	return ok && blob.CleanName(name)
}

// base is how users reach this server, without a slash at the end.
func (s *Server) base(c *call) string {
	if s.opts.PublicURL != nil {
		return strings.TrimRight(s.opts.PublicURL.String(), "/")
	}
	scheme := "http"
	if s.opts.TLS != nil || s.opts.BehindTLS {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}
