package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// getResult answers GET /jobs/{id}/result and /result.EXT.
func (s *Server) getResult(c *call) error {
	ext := c.param("ext")
	if ext != "" && !ending.MatchString(ext) {
		return refuse(CodeNotFound, "an ending has 1 to 16 letters and digits; take the result without one")
	}
	job, err := s.ended(c)
	if err != nil {
		return err
	}
	wantsEnvelope := ext == "" && strings.Contains(c.r.Header.Get("Accept"), envelope.Media)
	if job.State != scheduler.Succeeded {
		return s.unsuccessful(c, &job, wantsEnvelope)
	}
	r, err := s.openResult(c, &job, !wantsEnvelope && !c.bodiless(viewTag(&job.Job)))
	if err != nil {
		return err
	}
	if wantsEnvelope {
		return s.serveContent(c, r.whole(), served{media: envelope.Media, etag: job.Result.SHA256})
	}
	return s.serveView(c, &job.Job, r, ext)
}

// ended waits as long as was asked for, and refuses a job that goes on.
func (s *Server) ended(c *call) (awaited, error) {
	id, err := c.jobID("id")
	if err != nil {
		return awaited{}, err
	}
	wait, err := s.waitParam(c)
	if err != nil {
		return awaited{}, err
	}
	job, err := s.awaitEnd(c, id, wait)
	if err == nil && !job.State.Final() {
		e := refuse(CodeNotFinished, "the job is "+string(job.State)+"; ?wait=30s waits here for its end")
		e.Job, e.State = id, job.State
		err = e
	}
	return job, err
}

// resultFile is the envelope of a result, in memory or in a file.
type resultFile struct {
	header *envelope.Header
	data   []byte
	blob   *blob.Content // nil: in memory
}

// Close closes the file.
func (r *resultFile) Close() error {
	if r.blob == nil {
		return nil
	}
	return r.blob.Close()
}

func (r *resultFile) whole() content { return r.part(0, r.header.Size) }

func (r *resultFile) part(offset, size int64) content {
	if r.blob != nil {
		return partOf(*r.blob, offset, size)
	}
	return content{ReadSeeker: bytes.NewReader(r.data[offset : offset+size]), size: size, close: r.Close}
}

// openResult finds the envelope of a job: in the store, or among the blobs. Who takes the whole
// envelope compares its SHA-256; for all others it is checked here.
func (s *Server) openResult(c *call, job *awaited, check bool) (*resultFile, error) {
	if job.Result.SHA256 == "" {
		return nil, resultGone(&job.Job)
	}
	if !job.Result.Inline {
		return s.openBlobResult(c, &job.Job, check)
	}
	if job.inline == nil {
		return nil, resultGone(&job.Job)
	}
	if check && blob.Sum(job.inline) != job.Result.SHA256 {
		return nil, s.resultDamaged(&job.Job, fmt.Errorf("%w: in the store", errDamagedBlob))
	}
	h, err := envelope.ParseAll(job.inline)
	return &resultFile{header: h, data: job.inline}, err
}

func (s *Server) openBlobResult(c *call, job *scheduler.Job, check bool) (*resultFile, error) {
	if check {
		if err := s.intact(c, job, job.Result.SHA256); err != nil {
			return nil, err
		}
	}
	kept, err := s.opts.Blobs.Open(c.ctx(), job.Result.SHA256)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, resultGone(job)
	}
	if err != nil {
		return nil, err
	}
	h, err := envelope.ReadHeader(io.NewSectionReader(kept, 0, kept.Size))
	if err == nil && h.Size != kept.Size {
		err = fmt.Errorf("result of job %d: %d bytes, its header says %d", job.ID, kept.Size, h.Size)
	}
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return &resultFile{header: h, blob: &kept}, nil
}

func resultGone(job *scheduler.Job) error {
	e := refuse(CodeResultGone, "the result is not kept any more")
	e.Job, e.State = job.ID, job.State
	return e
}

// viewTag is the ETag of the value as the caller can use it: another representation than
// the envelope.
func viewTag(job *scheduler.Job) string { return job.Result.SHA256 + "-view" }

// serveView sends the value as the caller can use it.
func (s *Server) serveView(c *call, job *scheduler.Job, r *resultFile, ext string) error {
	view, ok := r.header.Frame("view")
	if !ok {
		return errors.Join(fmt.Errorf("result of job %d: its envelope has no view", job.ID), r.Close())
	}
	as := served{etag: viewTag(job), value: r.header.Value}
	switch {
	case extensions[strings.ToLower(ext)] != "":
		as.media = extensions[strings.ToLower(ext)]
	case ext != "":
		as.media, as.filename = mediaBytes, "job-"+strconv.FormatInt(int64(job.ID), 10)+"."+ext
	case r.header.Value == envelope.ValueText:
		as.media = "text/plain; charset=utf-8"
	case r.header.Value == envelope.ValueBytes:
		as.media, as.filename = mediaBytes, "job-"+strconv.FormatInt(int64(job.ID), 10)+".bin"
	default:
		as.media = "application/json"
	}
	return s.serveContent(c, r.part(view.Offset, view.Size), as)
}

// unsuccessful answers for a job that has no result.
func (s *Server) unsuccessful(c *call, job *awaited, wantsEnvelope bool) error {
	if job.State == scheduler.Cancelled {
		e := refuse(CodeJobCancelled, "the job was cancelled"+by(job.CancelBy))
		e.Job, e.State = job.ID, job.State
		return e
	}
	e := refuse(CodeJobFailed, string(job.Reason)+": "+job.Detail)
	e.Job, e.State, e.Reason = job.ID, job.State, job.Reason
	r, err := s.openResult(c, job, !wantsEnvelope)
	if errors.As(err, new(*Error)) {
		return e // it left no error envelope
	}
	if err != nil {
		return err
	}
	if wantsEnvelope {
		return s.sendError(c, r)
	}
	h := r.header
	e.Remote = &RemoteError{Type: h.Type, Message: h.Message, Traceback: h.Traceback, Module: h.Module}
	return errors.Join(e, r.Close())
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// sendError sends the envelope of an exception to who asked for envelopes: the
// status is that of the problem, the body has the exception itself.
func (s *Server) sendError(c *call, r *resultFile) error {
	body := r.whole()
	h := c.Header()
	h.Set("Content-Type", envelope.Media)
	h.Set("Content-Length", strconv.FormatInt(body.size, 10))
	c.WriteHeader(statusOf(CodeJobFailed))
	if body.size > pieceBytes {
		defer s.whileSending(c)()
	}
	_, err := io.Copy(c, body)
	return errors.Join(err, body.close())
}

// getShortResult answers GET /jobs/{id}/short_result with text.
func (s *Server) getShortResult(c *call) error {
	job, err := s.ended(c)
	if err != nil {
		return err
	}
	if job.State != scheduler.Succeeded {
		return s.unsuccessful(c, &job, false)
	}
	return c.text(http.StatusOK, job.Result.Short)
}
