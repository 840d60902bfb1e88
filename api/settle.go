package api

import (
	"errors"
	"fmt"
	"io"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// settle completes a submission: what it names must exist, and a body that is
// too large for the store becomes a blob.
func (s *Server) settle(c *call, p *submission.Parsed) error {
	if err := s.permits(c, &p.Request); err != nil {
		return err
	}
	if p.Callback != "" {
		if err := s.opts.Callbacks.CheckURL(p.Callback); err != nil {
			return refuseField(CodeInvalidField, "/callback", "callback: "+err.Error())
		}
	}
	if p.Call.Kind == submission.KindConsumer {
		return refuseField(CodeInvalidField, "/consumer", "consumer: the server submits these itself; register the function with POST /consumer?keep=1, and post messages for it")
	}
	if p.Call.Kind == submission.KindUploaded {
		if err := s.checkUploaded(c, p); err != nil {
			return err
		}
	}
	if len(p.Body) <= scheduler.InlineLimit {
		return nil
	}
	return s.moveOut(c, p)
}

// permits refuses what other users' tokens could ask for: a place ahead of
// the queue, or more time than the admin allows.
func (s *Server) permits(c *call, r *scheduler.Request) error {
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	top := 0
	if who.Admin {
		top = 10
	}
	if r.Priority < -10 || r.Priority > top {
		return refuseField(CodeForbidden, "/priority", fmt.Sprintf("priority: you may use -10 to %d", top))
	}
	return who.CheckTimeout(r)
}

// moveOut keeps the body as a blob and leaves a reference in the spec.
func (s *Server) moveOut(c *call, p *submission.Parsed) error {
	sum, err := s.opts.Blobs.PutBytes(c.ctx(), p.Body)
	if err != nil {
		return err
	}
	ref, err := submission.EncodeRef(submission.Ref{Media: p.Media, SHA256: sum, Size: int64(len(p.Body))})
	if err != nil {
		return err
	}
	p.Media, p.Body = submission.MediaRef, ref
	return nil
}

// checkUploaded: the blob is there, has that size, and is a call envelope. It
// is touched first: from then on the collection leaves it to the job.
func (s *Server) checkUploaded(c *call, p *submission.Parsed) error {
	ref := p.Call.Ref
	var uploaded blob.Content
	err := s.opts.Blobs.Touch(c.ctx(), ref.SHA256)
	if err == nil {
		uploaded, err = s.opts.Blobs.Open(c.ctx(), ref.SHA256)
	}
	if errors.Is(err, blob.ErrNotFound) {
		return refuseField(CodeBlobMissing, "/call/sha256", "upload it first with PUT /blobs/SHA256")
	}
	if err != nil {
		return err
	}
	defer uploaded.Close() //nolint:errcheck // only read
	if uploaded.Size != ref.Size {
		return refuseField(CodeDigest, "/call/size", "the uploaded blob has another size")
	}
	h, err := envelope.ReadHeader(io.NewSectionReader(uploaded, 0, uploaded.Size))
	var inside *submission.Parsed
	if err == nil {
		inside, err = submission.FromHeader(h)
	}
	switch {
	case err != nil || h.Size != uploaded.Size:
		return refuseField(Code(submission.CodeBadEnvelope), "/call/sha256", "the uploaded blob is not a call envelope")
	case inside.PythonVersion != p.PythonVersion:
		return refuseField(CodeInvalidField, "/call/python", "the uploaded envelope names another Python")
	}
	_, err = s.haveModules(c, inside)
	return err
}
