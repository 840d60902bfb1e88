package api

import (
	"net/http"

	"github.com/mlq-dev/mlq/scheduler"
)

// Revoked answers a revoke.
type Revoked struct {
	Job  scheduler.JobID `json:"job"`
	User string          `json:"user"` // who is told
	Then string          `json:"then"`
	// Already: it had been told to stop before, by By.
	Already bool   `json:"already"`
	By      string `json:"by"` // who, and why
}

// revokeLease answers DELETE /leases/{job}?then=cancel|requeue&reason=. The
// user is told who and why.
func (s *Server) revokeLease(c *call) error {
	id, err := c.jobID("job")
	if err != nil {
		return err
	}
	then, err := c.thenParam("cancel")
	if err != nil {
		return err
	}
	by, err := c.byWithReason()
	if err != nil {
		return err
	}
	job, already, err := s.scheduler.Revoke(c.ctx(), id, then, by)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, Revoked{Job: id, User: job.User, Then: then, Already: already, By: job.CancelBy})
}

// thenParam is ?then=: what becomes of jobs that are stopped.
func (c *call) thenParam(absent string) (string, error) {
	then := c.r.URL.Query().Get("then")
	if then == "" {
		return absent, nil
	}
	if scheduler.CheckThen(then) != nil {
		return "", refuse(CodeBadRequest, "then: want cancel or requeue")
	}
	return then, nil
}

// byWithReason is who acts and why, where a user whose job is ended has to know both.
func (c *call) byWithReason() (string, error) {
	if c.r.URL.Query().Get("reason") == "" {
		return "", refuse(CodeBadRequest, "reason: say why; the user is told")
	}
	return reasonParam(c)
}

// reasonParam is who acts, and the ?reason= that they gave.
func reasonParam(c *call) (string, error) {
	reason := c.r.URL.Query().Get("reason")
	if reason == "" {
		return c.who.User, nil
	}
	if !plainText(reason) {
		return "", refuse(CodeBadRequest, "reason: want at most 200 printable characters")
	}
	return c.who.User + ": " + reason, nil
}
