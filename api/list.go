package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// Page limits of lists.
const (
	pageDefault = 50
	pageMost    = 200
)

// Page is a page of a list; Next is the cursor of the next one, "" at the end.
type Page struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next,omitempty"`
}

// listJobs answers GET /jobs, the newest first.
func (s *Server) listJobs(c *call) error {
	f, err := c.filter("reason", "before", "limit")
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

// filter reads ?state=&user=&name= and what else the action takes. Who is no admin gets their own.
func (c *call) filter(others ...string) (scheduler.Filter, error) {
	q, err := c.query(append([]string{"state", "name", "user"}, others...))
	if err != nil {
		return scheduler.Filter{}, err
	}
	f := scheduler.Filter{User: c.who.User, Name: q.Get("name"), Limit: pageDefault}
	if c.who.Role == auth.RoleAdmin {
		f.User = q.Get("user")
	} else if u := q.Get("user"); u != "" && u != c.who.User {
		return f, refuse(CodeForbidden, "only an admin lists the jobs of others")
	}
	for _, text := range q["state"] {
		for state := range strings.SplitSeq(text, ",") {
			if !slices.Contains(states, scheduler.State(state)) {
				return f, refuse(CodeBadRequest, "state: want scheduled, queued, leased, running, succeeded, failed or cancelled")
			}
			f.States = append(f.States, scheduler.State(state))
		}
	}
	if f.Reasons, err = readReasons(q.Get("reason")); err != nil {
		return f, err
	}
	return f, paging(q, &f)
}

// readReasons reads why jobs must have failed.
func readReasons(text string) (all []scheduler.Reason, err error) {
	if text == "" {
		return nil, nil
	}
	for reason := range strings.SplitSeq(text, ",") {
		if !slices.Contains(scheduler.Reasons(), scheduler.Reason(reason)) {
			return nil, refuse(CodeBadRequest, "reason: want why jobs failed, of "+reasonsInWords())
		}
		all = append(all, scheduler.Reason(reason))
	}
	return all, nil
}

func reasonsInWords() string {
	var words []string
	for _, r := range scheduler.Reasons() {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

// query reads the filters of a request strictly: what net/url would drop or
// take as "any" would make a cancel hit more than was meant.
func (c *call) query(known []string) (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refuse(CodeBadRequest, "the query cannot be read; encode & as %26, % as %25, ; as %3B")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, refuse(CodeBadRequest, "no such filter: "+printable(name)+"; there are "+strings.Join(known, ", "))
		}
		if slices.Contains(values, "") || len(values) > 1 && name != "state" {
			return nil, refuse(CodeBadRequest, name+": want one value, or leave it out")
		}
	}
	return q, nil
}

func paging(q url.Values, f *scheduler.Filter) error {
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
	by := c.r.URL.Query().Get("by")
	if by != "" && by != "state" {
		return refuse(CodeBadRequest, "by: want state, or leave it out")
	}
	counts, err := s.scheduler.JobCount(c.ctx())
	if err != nil {
		return err
	}
	if by == "state" {
		return s.write(c, http.StatusOK, counts)
	}
	return s.write(c, http.StatusOK, counts[scheduler.Queued]+counts[scheduler.Scheduled])
}
