package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// shownMsg is the largest spec, in bytes, that GET /jobs/{id} reads to show msg.
const shownMsg = 1 << 20

// jobID reads {id}: a positive integer in its shortest form. Everything else
// is as unknown as a job that never was.
func (c *call) jobID(name string) (scheduler.JobID, error) {
	text := c.param(name)
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return 0, refuse(CodeNotFound, "no such job")
	}
	return scheduler.JobID(id), nil
}

// noSuchJob is said of another's job in the very words of one that never was.
func noSuchJob(id scheduler.JobID) error { return fmt.Errorf("%w: %d", scheduler.ErrNotFound, id) }

// visible reads a job that who asks may see; another's is as unknown as none.
func (s *Server) visible(c *call, id scheduler.JobID) (scheduler.Job, error) {
	job, err := s.scheduler.Job(c.ctx(), id)
	if err != nil {
		return job, err
	}
	if !c.sees(job.User) {
		return job, noSuchJob(id)
	}
	return job, nil
}

// pathJob is visible for the job in the path.
func (s *Server) pathJob(c *call) (scheduler.Job, error) {
	id, err := c.jobID("id")
	if err != nil {
		return scheduler.Job{}, err
	}
	return s.visible(c, id)
}

// getJob answers GET /jobs/{id}, with ?wait= once the job has ended.
func (s *Server) getJob(c *call) error {
	id, err := c.jobID("id")
	if err != nil {
		return err
	}
	wait, err := s.waitParam(c)
	if err != nil {
		return err
	}
	job, err := s.awaitEnd(c, id, wait)
	if err != nil {
		return err
	}
	w := wireJob(&job.Job)
	if err := s.addSpec(c.ctx(), &w); err != nil {
		return err
	}
	if err := s.addAwaits(c.ctx(), &job.Job, &w); err != nil {
		return err
	}
	if err := s.addPosition(c.ctx(), &w); err != nil {
		return err
	}
	if err := addResult(&job, &w); err != nil {
		return err
	}
	return s.write(c, http.StatusOK, w)
}

// addSpec shows what was submitted, of small specs.
func (s *Server) addSpec(ctx context.Context, w *Job) error {
	p, err := s.parsedSpec(ctx, w.ID)
	if err != nil || p == nil {
		return err
	}
	w.Function = p.Function
	if p.Call.Functions != nil {
		w.Functions = p.Call.Functions
	}
	if p.Call.Msg != nil {
		w.Msg = p.Call.Msg
	}
	for name := range p.Request.EnvVars {
		w.EnvVars = append(w.EnvVars, name)
	}
	sort.Strings(w.EnvVars)
	w.Secrets = p.Request.Secrets
	return nil
}

// parsedSpec reads a job's spec; nil where it is too large to be shown, or
// its blob is gone.
func (s *Server) parsedSpec(ctx context.Context, id scheduler.JobID) (*submission.Parsed, error) {
	spec, err := s.scheduler.Spec(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := submission.Parse(spec.Media, spec.Body)
	if err != nil || p.Call.Kind != submission.KindRef {
		return p, err
	}
	body, err := readBlob(ctx, s.opts.Blobs, p.Call.Ref.SHA256, shownMsg)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // too large or gone: the job is shown without it
	}
	return submission.Parse(p.Call.Ref.Media, body)
}

func (s *Server) addPosition(ctx context.Context, w *Job) error {
	if w.State != scheduler.Queued {
		return nil
	}
	why, err := s.scheduler.Why(ctx, w.ID, scheduler.Shown{})
	if err != nil {
		return err
	}
	w.Position, w.PositionOver = why.Position, why.PositionOver
	return nil
}

// addResult shows a small value that JSON can show.
func addResult(job *awaited, w *Job) error {
	if job.State != scheduler.Succeeded || job.inline == nil {
		return nil
	}
	h, err := envelope.ParseAll(job.inline)
	if err != nil {
		return err
	}
	view, ok := h.Frame("view")
	if !ok {
		return nil
	}
	content := job.inline[view.Offset : view.Offset+view.Size]
	switch h.Value {
	case envelope.ValueText:
		w.Result, err = json.Marshal(string(content))
	case envelope.ValueJSON, envelope.ValuePickle:
		if json.Valid(content) {
			w.Result = content
		}
	}
	return err
}

// getProgress answers GET /jobs/{id}/progress with text.
func (s *Server) getProgress(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	return c.text(http.StatusOK, progressOf(&job).text)
}
