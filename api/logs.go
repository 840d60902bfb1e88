package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// Headers of log answers: which attempt it is, and where the body starts and ends.
const (
	HeaderLogAttempt = "Mlq-Log-Attempt"
	HeaderLogOffset  = "Mlq-Log-Offset"
	HeaderLogSize    = "Mlq-Log-Size"
)

// getLogs answers GET /jobs/{id}/logs?attempt=&offset=&follow=1: what an
// attempt printed, raw, from a byte offset. Following goes on until the job
// has ended, from one attempt to the next unless one was named.
func (s *Server) getLogs(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	offset, err := number(q.Get("offset"), 0, "offset")
	if err != nil {
		return err
	}
	attempt, err := number(q.Get("attempt"), 0, "attempt")
	if err != nil {
		return err
	}
	f := follower{s: s, c: c, id: job.ID, attempt: int(attempt), only: attempt > 0, offset: offset}
	if f.attempt == 0 {
		f.attempt = max(len(job.Attempts), 1)
	}
	if f.attempt > max(len(job.Attempts), 1) {
		return refuse(CodeNotFound, "the job has no such attempt")
	}
	if follow := q.Get("follow"); follow != "" && follow != "0" && follow != "1" {
		return refuse(CodeBadRequest, "follow: want 1, or leave it out")
	}
	if q.Get("follow") == "1" && c.r.Method != http.MethodHead {
		return f.follow()
	}
	return f.once()
}

// number reads a query parameter that must be a whole number ≥ 0.
func number(text string, absent int64, name string) (int64, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, refuse(CodeBadRequest, name+": want a whole number from 0")
	}
	return n, nil
}

// follower sends one job's log.
type follower struct {
	s       *Server
	c       *call
	id      scheduler.JobID
	attempt int
	only    bool // just this attempt
	offset  int64
}

func (f *follower) head(size int64) {
	h := f.c.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Security-Policy", sandbox)
	h.Set("Cross-Origin-Resource-Policy", f.c.embeddable())
	h.Set(HeaderLogAttempt, strconv.Itoa(f.attempt))
	h.Set(HeaderLogOffset, strconv.FormatInt(f.offset, 10))
	h.Set(HeaderLogSize, strconv.FormatInt(size, 10))
}

// once sends what there is.
func (f *follower) once() error {
	size, err := f.s.opts.Blobs.LogSize(f.c.ctx(), int64(f.id), f.attempt)
	if err != nil {
		return err
	}
	f.head(size)
	f.c.Header().Set("Content-Length", strconv.FormatInt(max(size-f.offset, 0), 10))
	f.c.WriteHeader(http.StatusOK)
	if f.c.r.Method == http.MethodHead {
		return nil
	}
	if size-f.offset > pieceBytes {
		defer f.s.whileSending(f.c)()
	}
	return f.send(size)
}

// send sends the log from the offset up to size.
func (f *follower) send(size int64) error {
	if size <= f.offset {
		return nil
	}
	part, err := f.s.opts.Blobs.OpenLog(f.c.ctx(), int64(f.id), f.attempt, f.offset, size)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := io.Copy(f.c, part)
	f.offset += n
	return errors.Join(err, part.Close())
}

// follow sends what there is, then what comes, until the end.
func (f *follower) follow() error {
	wake, stop := f.s.hub.wait(f.id, false)
	defer stop()
	defer f.s.whileWriting(f.c)()
	f.head(0)
	f.c.Header().Del(HeaderLogSize)
	f.c.WriteHeader(http.StatusOK)
	for {
		// The job is read before its log: once it has ended, its log is whole.
		job, err := f.s.visible(f.c, f.id)
		if err != nil {
			return err
		}
		if err := f.drain(&job); err != nil {
			return err
		}
		if err := f.c.FlushError(); err != nil {
			return err
		}
		if f.over(&job) || !f.s.sleep(f.c, wake, nil) {
			return nil
		}
	}
}

// drain sends what the log has now, and moves on to the next attempts.
func (f *follower) drain(job *scheduler.Job) error {
	for {
		size, err := f.s.opts.Blobs.LogSize(f.c.ctx(), int64(f.id), f.attempt)
		if err != nil {
			return err
		}
		if err := f.send(size); err != nil {
			return err
		}
		if f.only || f.attempt >= len(job.Attempts) {
			return nil
		}
		f.attempt, f.offset = f.attempt+1, 0
	}
}

// over reports whether nothing more can come.
func (f *follower) over(job *scheduler.Job) bool {
	if job.State.Final() {
		return true
	}
	return f.only && f.attempt <= len(job.Attempts) && !job.Attempts[f.attempt-1].Ended.IsZero()
}

// LogWritten answers a log upload.
type LogWritten struct {
	Size int64 `json:"size"` // of the log now, in bytes
}

// putLog answers PUT /jobs/{id}/attempts/{n}/log?offset=&fence=: the agent of the
// attempt's host uploads a piece of what it printed. Repeating it is harmless. What
// comes after the lease's end is refused: the log is whole when the job has ended.
func (s *Server) putLog(c *call) error {
	ref, n, err := c.leaseOfPath()
	if err != nil {
		return err
	}
	offset, err := c.logOffset()
	if err != nil {
		return err
	}
	if err := s.holds(c, ref, n); err != nil {
		return err
	}
	size, err := s.writeLog(c, int64(ref.Job), n, offset)
	if err != nil {
		return err
	}
	if err := s.scheduler.LogLength(c.ctx(), ref, size); err != nil {
		return err
	}
	return s.write(c, http.StatusOK, LogWritten{Size: size})
}

// leaseOfPath reads {id}, {n} and ?fence=.
func (c *call) leaseOfPath() (scheduler.LeaseRef, int, error) {
	var ref scheduler.LeaseRef
	id, err := c.jobID("id")
	if err != nil {
		return ref, 0, err
	}
	n, err := strconv.Atoi(c.param("n"))
	if err != nil || n < 1 {
		return ref, 0, refuse(CodeNotFound, "the job has no such attempt")
	}
	fence, err := strconv.ParseUint(c.r.URL.Query().Get("fence"), 10, 64)
	if err != nil || fence == 0 {
		return ref, 0, refuse(CodeBadRequest, "fence: want the number that the lease carries")
	}
	return scheduler.LeaseRef{Job: id, Fence: fence}, n, nil
}

// holds refuses who has not this lease, before anything is written. An admin may
// write for any host: so does the agent inside mlq dev.
func (s *Server) holds(c *call, ref scheduler.LeaseRef, n int) error {
	job, err := s.scheduler.Job(c.ctx(), ref.Job)
	if err != nil {
		return err
	}
	a := job.Attempt()
	switch {
	case !job.State.Active() || a == nil || a.N != n || a.Fence != ref.Fence:
		return scheduler.ErrStale
	case c.who.Role != auth.RoleAdmin && !isHostOf(a.Host, c.who.User):
		return refuse(CodeForbidden, "the log of an attempt comes from the agent of its host alone")
	}
	return nil
}
