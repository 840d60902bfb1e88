package api

import (
	"errors"
	"net/http"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// HeaderCompares is sent by who compares the SHA-256 of a file with that in the list of
// files, with the value sha-256: it gets the file as it is, without a wait for the server's
// own look at all of it.
const HeaderCompares = "Mlq-Compares"

// bodiless reports whether the answer has none of the bytes.
func (c *call) bodiless(etag string) bool {
	return c.r.Method == http.MethodHead || matches(c.r.Header.Get("If-None-Match"), `"`+etag+`"`)
}

func (c *call) compares() bool { return c.r.Header.Get(HeaderCompares) == "sha-256" }

// intact looks at all of a job's blob before some of it is shown. That can take long: who
// was revoked meanwhile gets nothing.
func (s *Server) intact(c *call, job *scheduler.Job, sum string) error {
	stop := s.whileGood(c)
	err := s.verified.check(c.ctx(), sum)
	why := c.orRevoked(nil)
	stop()
	switch {
	case why != nil:
		return why
	case errors.Is(err, blob.ErrNotFound):
		return resultGone(job)
	}
	return s.resultDamaged(job, err)
}

// resultDamaged tells of a job's blob that is not what it was; the log has it too.
func (s *Server) resultDamaged(job *scheduler.Job, err error) error {
	if !errors.Is(err, errDamagedBlob) {
		return err
	}
	s.log.Error().Err(err).Int64("job", int64(job.ID)).Msg("a blob has another SHA-256 than when it was stored: look at the disk, and bring it back from a backup")
	e := refuse(CodeResultGone, "it is damaged on the server's disk; an admin can bring it back from a backup")
	e.Job, e.State = job.ID, job.State
	return e
}
