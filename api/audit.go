package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/api/audit"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
)

// Of the audit log: how much of a body is kept, and how long writing may take.
const (
	auditBody = 512 // bytes
	auditTime = 5 * time.Second
	auditPage = 100 // entries
	// Of each user the log has as many refusals at once, then one each ten seconds.
	refusalsAtOnce    = 10
	refusalsPerSecond = 0.1
)

// othersJobs are the routes for everybody with which an admin reaches the jobs of others.
var othersJobs = []string{
	"DELETE /jobs", "DELETE /jobs/{id}", "POST /jobs/requeue", "POST /jobs/{id}/requeue", "POST /jobs/{id}/links", "POST /purge",
	"PUT /jobs/{id}/blocked", "DELETE /jobs/{id}/blocked",
}

// audited reports whether a request is an admin's order: what only admins may do,
// or what they do to jobs that may be another's. What users are refused of it is told in
// the server's log only (noteRefused), so that nobody can push entries out of the store's.
func (c *call) audited() bool {
	if c.who.Role != auth.RoleAdmin || c.route.method == http.MethodGet {
		return false
	}
	return slices.Equal(c.route.roles, admins) || slices.Contains(othersJobs, c.route.method+" "+c.route.pattern)
}

// noteBody has the start of the body kept, where it is one for an admin.
func (c *call) noteBody() {
	if body, ok := c.r.Body.(*pacedBody); ok && slices.Equal(c.route.roles, admins) {
		body.head = make([]byte, 0, auditBody)
		c.noted = body // a handler may put a reader of its own in its place
	}
}

func (c *call) bodyHead() string {
	if c.noted == nil {
		return ""
	}
	return string(c.noted.head)
}

// audit writes an order into the log of this server, then into the store's: also of a
// caller who has gone, and where it was refused or failed.
func (s *Server) audit(c *call) { s.auditAs(c, c.who.User, c.who.Token) }

// auditAs is audit for a caller who has become somebody by this very request. A token that
// somebody pasted into what they asked for is in no log.
func (s *Server) auditAs(c *call, user, id string) {
	e := audit.Entry{
		User: user, Token: id, Address: peerAddress(c.r), Method: c.r.Method, Path: token.Redact(c.r.URL.Path),
		Query: token.Redact(c.r.URL.RawQuery), Body: token.Redact(c.bodyHead()), Status: c.ended(), Request: c.id,
	}
	s.log.Info().Str("user", e.User).Str("token", e.Token).Str("address", e.Address).Str("method", e.Method).Str("path", e.Path).
		Str("query", e.Query).Str("body", e.Body).Int("status", e.Status).Str("request_id", e.Request).Msg("audit")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), auditTime)
	defer cancel()
	if err := s.audits.Append(ctx, e); err != nil {
		s.log.Error().Err(err).Str("request_id", e.Request).Msg("an audit entry is in this log only")
	}
}

// ended is the status that the caller has, or will have where the handler panicked; 0: the caller
// has gone before.
func (c *call) ended() int {
	if c.status == 0 && c.within {
		return http.StatusInternalServerError
	}
	return c.status
}

// noteRefused tells the server's log who wanted to do what only admins may.
func (s *Server) noteRefused(c *call) {
	if c.route.method == http.MethodGet || !slices.Equal(c.route.roles, admins) || s.refusals.allow(c.who.User, 1, "") != nil {
		return
	}
	s.log.Warn().Str("request", c.id).Str("user", c.who.User).Str("token", c.who.Token).Str("address", peerAddress(c.r)).
		Str("method", c.r.Method).Str("path", printable(token.Redact(c.r.URL.Path))).Msg("refused what only admins may do")
}

// AuditPage answers GET /audit.
type AuditPage struct {
	Entries []audit.Entry `json:"entries"`        // newest first
	Next    int64         `json:"next,omitempty"` // the next page: before=NEXT
	// LeftOut is how many members of the store's log, among these entries, are none.
	LeftOut int `json:"left_out,omitempty"`
}

// listAudit answers GET /audit?limit=&before=.
func (s *Server) listAudit(c *call) error {
	q, err := c.query([]string{"limit", "before"})
	if err != nil {
		return err
	}
	limit, err := number(q.Get("limit"), auditPage, "limit")
	if err != nil {
		return err
	}
	before, err := number(q.Get("before"), 0, "before")
	if err != nil {
		return err
	}
	page := AuditPage{}
	if page.Entries, page.LeftOut, err = s.audits.Read(c.ctx(), before, int(min(limit, pageMost))); err != nil {
		return err
	}
	if page.LeftOut > 0 {
		s.log.Warn().Int("left_out", page.LeftOut).Msg("the store's audit log has what is no entry: somebody else wrote to the store")
	}
	if n := len(page.Entries); n > 0 && n == int(min(limit, pageMost)) && page.Entries[n-1].Number > 1 {
		page.Next = page.Entries[n-1].Number
	}
	return s.write(c, http.StatusOK, page)
}
