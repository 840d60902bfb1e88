package api

import (
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// waitParam reads ?wait=: absent is 0, more than the server's limit is the limit.
func (s *Server) waitParam(c *call) (time.Duration, error) {
	if c.r.URL.RawQuery == "" || !strings.Contains(c.r.URL.RawQuery, "wait") {
		return 0, nil
	}
	text := c.r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	d, err := units.ParseDuration(text)
	if err != nil {
		return 0, refuse(CodeBadRequest, `wait: want seconds, or a text as "30s"`)
	}
	return min(d, s.opts.MaxWait), nil
}

// awaited is a job that somebody waits for, with its result where the store has it.
type awaited struct {
	scheduler.Job
	inline []byte
}

// awaitEnd returns the job as soon as it has ended, or as it is after d.
func (s *Server) awaitEnd(c *call, id scheduler.JobID, d time.Duration) (awaited, error) {
	if d <= 0 {
		return s.look(c, id)
	}
	wake, stop := s.hub.wait(id, true)
	defer stop()
	defer s.whileGood(c)()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		job, err := s.look(c, id)
		if err != nil || job.State.Final() {
			return job, c.orRevoked(err)
		}
		if !s.sleep(c, wake, deadline.C) {
			job, err = s.look(c, id)
			return job, c.orRevoked(err)
		}
	}
}

// look reads job and result at once: who waits wants both when the time has come.
func (s *Server) look(c *call, id scheduler.JobID) (awaited, error) {
	job, inline, err := s.scheduler.JobWithResult(c.ctx(), id)
	if err == nil && !c.sees(job.User) {
		err = noSuchJob(id)
	}
	return awaited{job, inline}, err
}

// sleep returns true when it is time to read again, and false when there is
// no more to wait for.
func (s *Server) sleep(c *call, wake <-chan struct{}, deadline <-chan time.Time) bool {
	again := time.NewTimer(s.opts.SafetyReread)
	defer again.Stop()
	select {
	case <-wake:
		return !c.lapsed()
	case <-again.C:
		return !c.lapsed()
	case <-deadline:
	case <-c.ctx().Done():
	case <-s.stopping:
	}
	return false
}
