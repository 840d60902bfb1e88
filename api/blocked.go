package api

import (
	"net/http"

	"github.com/mlq-dev/mlq/scheduler"
)

// blockedOn is the body of PUT /jobs/{id}/blocked.
type blockedOn struct {
	On scheduler.JobID `json:"on"`
}

// putBlocked answers PUT /jobs/{id}/blocked {"on": ID}: the job does nothing but wait
// for the result of that one, which its user may see. 409 would-deadlock where the
// wait would never end.
func (s *Server) putBlocked(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	in := new(blockedOn)
	if err := readStrict(c, maxAgentBody, in); err != nil {
		return err
	}
	if _, err := s.visible(c, in.On); err != nil {
		return err
	}
	if err := s.scheduler.Block(c.ctx(), job.ID, in.On); err != nil {
		return aboutJob(err, job.ID)
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteBlocked answers DELETE /jobs/{id}/blocked: the job goes on.
func (s *Server) deleteBlocked(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	if err := s.scheduler.Unblock(c.ctx(), job.ID); err != nil {
		return aboutJob(err, job.ID)
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}
