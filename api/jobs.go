package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// Page limits of lists.
const (
	pageDefault = 50
	pageMost    = 200
	// shownMsg is the largest spec that GET /jobs/{id} reads to show msg.
	shownMsg = 1 << 20
)

// jobID reads {id}: a positive integer in its shortest form. Everything else
// is as unknown as a job that never was.
func (c *call) jobID(name string) (scheduler.JobID, error) {
	text := c.param(name)
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return 0, noSuchJob()
	}
	return scheduler.JobID(id), nil
}

func noSuchJob() error { return refuse(CodeNotFound, "no such job") }

// visible reads a job that who asks may see; another's is as unknown as none.
func (s *Server) visible(c *call, id scheduler.JobID) (scheduler.Job, error) {
	job, err := s.scheduler.Job(c.ctx(), id)
	if err != nil {
		return job, err
	}
	if !c.sees(job.User) {
		return job, noSuchJob()
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
	w := wireJob(&job)
	if err := s.addSpec(c.ctx(), &w); err != nil {
		return err
	}
	if err := s.addPosition(c.ctx(), &w); err != nil {
		return err
	}
	if err := s.addResult(c.ctx(), &job, &w); err != nil {
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
	if p.Callback != "" {
		w.Callback = &p.Callback
	}
	for name := range p.Request.EnvVars {
		w.EnvVars = append(w.EnvVars, name)
	}
	sort.Strings(w.EnvVars)
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
	body, err := s.opts.Blobs.ReadAll(p.Call.Ref.SHA256, shownMsg)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // too large or gone: the job is shown without it
	}
	return submission.Parse(p.Call.Ref.Media, body)
}

func (s *Server) addPosition(ctx context.Context, w *Job) error {
	if w.State != scheduler.Queued {
		return nil
	}
	why, err := s.scheduler.Why(ctx, w.ID)
	if err != nil {
		return err
	}
	w.Position, w.PositionOver = why.Position, why.PositionOver
	return nil
}

// addResult shows a small value that JSON can show.
func (s *Server) addResult(ctx context.Context, job *scheduler.Job, w *Job) error {
	if job.State != scheduler.Succeeded || !job.Result.Inline {
		return nil
	}
	data, err := s.scheduler.InlineResult(ctx, job.ID)
	if err != nil {
		return err
	}
	h, err := envelope.ParseAll(data)
	if err != nil {
		return err
	}
	view, ok := h.Frame("view")
	if !ok {
		return nil
	}
	content := data[view.Offset : view.Offset+view.Size]
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
	return c.text(http.StatusOK, progressText(&job))
}

// Page is a page of a list; Next is the cursor of the next one, "" at the end.
type Page struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next,omitempty"`
}

// listJobs answers GET /jobs, the newest first.
func (s *Server) listJobs(c *call) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	jobs, next, err := s.scheduler.Jobs(c.ctx(), f)
	if err != nil {
		return err
	}
	page := Page{Jobs: make([]Job, len(jobs))}
	for i := range jobs {
		page.Jobs[i] = wireJob(&jobs[i])
	}
	if next > 0 {
		page.Next = strconv.FormatInt(int64(next), 10)
	}
	return s.write(c, http.StatusOK, page)
}

var states = []scheduler.State{
	scheduler.Scheduled, scheduler.Queued, scheduler.Leased, scheduler.Running,
	scheduler.Succeeded, scheduler.Failed, scheduler.Cancelled,
}

// filter reads ?state=&user=&name=&before=&limit=. Who is no admin gets their own.
func (c *call) filter() (scheduler.Filter, error) {
	q := c.r.URL.Query()
	f := scheduler.Filter{User: c.who.User, Name: q.Get("name"), Limit: pageDefault}
	if c.who.Role == auth.RoleAdmin {
		f.User = q.Get("user")
	} else if u := q.Get("user"); u != "" && u != c.who.User {
		return f, refuse(CodeForbidden, "only an admin lists the jobs of others")
	}
	for name := range q {
		if !slices.Contains([]string{"state", "user", "name", "before", "limit", "all"}, name) {
			return f, refuse(CodeBadRequest, "no such filter: "+printable(name)+"; there are state, name, user, before, limit")
		}
	}
	for _, text := range q["state"] {
		for state := range strings.SplitSeq(text, ",") {
			if !slices.Contains(states, scheduler.State(state)) {
				return f, refuse(CodeBadRequest, "state: want scheduled, queued, leased, running, succeeded, failed or cancelled")
			}
			f.States = append(f.States, scheduler.State(state))
		}
	}
	return f, c.paging(&f)
}

func (c *call) paging(f *scheduler.Filter) error {
	q := c.r.URL.Query()
	if text := q.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return refuse(CodeBadRequest, "before: want the cursor that the last page gave")
		}
		f.Before = scheduler.JobID(n)
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n < 1 {
			return refuse(CodeBadRequest, "limit: want 1 to 200")
		}
		f.Limit = int(min(n, pageMost))
	}
	return nil
}

// countJobs answers GET /jobs/count: how many wait, as the predecessor does;
// with ?by=state an object with all states.
func (s *Server) countJobs(c *call) error {
	counts, err := s.scheduler.JobCount(c.ctx())
	if err != nil {
		return err
	}
	if c.r.URL.Query().Get("by") == "state" {
		return s.write(c, http.StatusOK, counts)
	}
	return s.write(c, http.StatusOK, counts[scheduler.Queued]+counts[scheduler.Scheduled])
}

// Why explains why a job waits.
type Why struct {
	Position     int         `json:"position"` // 0: it does not wait
	PositionOver bool        `json:"position_over,omitempty"`
	Reasons      []WhyReason `json:"reasons"` // the most decisive first
	Estimate     Estimate    `json:"estimate"`
}

// WhyReason is one reason.
type WhyReason struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Estimate of when a job starts, in seconds from now; null where unknown.
type Estimate struct {
	Earliest *float64 `json:"earliest_s"`
	Latest   *float64 `json:"latest_s"`
	Basis    string   `json:"basis"`
}

// whyJob answers GET /jobs/{id}/why.
func (s *Server) whyJob(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	why, err := s.scheduler.Why(c.ctx(), job.ID)
	if err != nil {
		return err
	}
	w := Why{
		Position: why.Position, PositionOver: why.PositionOver, Reasons: make([]WhyReason, len(why.Reasons)),
		Estimate: Estimate{Basis: why.Estimate.Basis},
	}
	for i, r := range why.Reasons {
		w.Reasons[i] = WhyReason{Code: r.Code, Text: r.Text}
	}
	if why.Estimate.Latest > 0 {
		earliest, latest := why.Estimate.Earliest.Seconds(), why.Estimate.Latest.Seconds()
		w.Estimate.Earliest, w.Estimate.Latest = &earliest, &latest
	}
	return s.write(c, http.StatusOK, w)
}
