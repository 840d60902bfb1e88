package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Cancelled answers a cancel.
type Cancelled struct {
	ID    scheduler.JobID `json:"id"`
	State scheduler.State `json:"state"`
	// Already: the job had ended before, or was being cancelled.
	Already bool `json:"already"`
}

// cancelJob answers DELETE /jobs/{id}. A job that runs is told to stop; its
// state changes when it has.
func (s *Server) cancelJob(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	done, err := s.cancel(c, job.ID)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, done)
}

func (s *Server) cancel(c *call, id scheduler.JobID) (Cancelled, error) {
	job, already, err := s.scheduler.Cancel(c.ctx(), id, c.who.User)
	return Cancelled{ID: id, State: job.State, Already: already}, err
}

// Bulk answers a bulk action.
type Bulk struct {
	Cancelled []scheduler.JobID `json:"cancelled,omitzero"` // of a cancel
	Stopping  []scheduler.JobID `json:"stopping,omitzero"`  // of these, those that run and were told to stop
	Requeued  []Requeued        `json:"requeued,omitzero"`  // of a requeue
	// More: there are further jobs; repeat the request.
	More bool `json:"more"`
}

// Requeued links a job and the one that runs it again.
type Requeued struct {
	From scheduler.JobID `json:"from"`
	To   scheduler.JobID `json:"to"`
}

// bulkTime is how long one bulk request works before it answers with More.
const bulkTime = 5 * time.Second

// unended are the states of jobs that can be cancelled.
var unended = []scheduler.State{scheduler.Scheduled, scheduler.Queued, scheduler.Leased, scheduler.Running}

// cancelJobs answers DELETE /jobs?…: all jobs of the filter that have not
// ended; with before=ID those with a lower id, so that who has asked a person
// about some jobs does not hit others that came meanwhile.
func (s *Server) cancelJobs(c *call) error {
	f, err := c.bulkFilter(nil, unended...)
	if err != nil {
		return err
	}
	done := Bulk{Cancelled: []scheduler.JobID{}}
	done.More, err = s.eachJob(c, f, func(id scheduler.JobID) error {
		result, err := s.cancel(c, id)
		if err != nil || result.Already {
			return err
		}
		done.Cancelled = append(done.Cancelled, id)
		if result.State.Active() {
			done.Stopping = append(done.Stopping, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, done)
}

// bulkFilter wants a filter, so that a slip does not hit everything. Which
// states it may hit is the action's business.
func (c *call) bulkFilter(filters []string, allowed ...scheduler.State) (scheduler.Filter, error) {
	f, err := c.filter(append(filters, "all", "before")...)
	if err != nil {
		return f, err
	}
	q := c.r.URL.Query()
	if !q.Has("state") && !q.Has("reason") && !q.Has("name") && !q.Has("user") && q.Get("all") != "true" {
		return f, refuse(CodeBadRequest, "name a filter ("+strings.Join(append([]string{"state", "name", "user"}, filters...), ", ")+"), or say all=true")
	}
	f.Limit = pageMost
	if len(f.States) == 0 {
		f.States = allowed
	}
	return f, nil
}

// eachJob runs an action on every job of a filter, page by page. A job that
// has moved on meanwhile is left as it is; so are those that it has not come to
// when the token is revoked.
func (s *Server) eachJob(c *call, f scheduler.Filter, action func(scheduler.JobID) error) (more bool, err error) {
	start, good := time.Now(), s.stillGood(c)
	for {
		jobs, next, err := s.scheduler.Jobs(c.ctx(), f)
		if err != nil {
			return false, err
		}
		for _, job := range jobs {
			if err := good(); err != nil {
				return false, err
			}
			if err := action(job.ID); err != nil && !movedOn(err) {
				return false, err
			}
		}
		if next == 0 {
			return false, nil
		}
		if time.Since(start) > bulkTime {
			return true, nil
		}
		f.Before = next
	}
}

func movedOn(err error) bool {
	return errors.Is(err, scheduler.ErrNotFound) || errors.Is(err, scheduler.ErrFinal) || errors.Is(err, scheduler.ErrNotFinal)
}

// requeueJob answers POST /jobs/{id}/requeue with the id of the new job.
func (s *Server) requeueJob(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	if err := s.admitSubmit(c, 1); err != nil {
		return err
	}
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	id, err := s.scheduler.Requeue(c.ctx(), who, job.ID)
	if err != nil {
		return err
	}
	c.Header().Set("Location", "/jobs/"+strconv.FormatInt(int64(id), 10))
	return s.write(c, http.StatusCreated, id)
}

// requeueJobs answers POST /jobs/requeue?…: all failed and cancelled jobs of
// the filter that were not requeued yet.
func (s *Server) requeueJobs(c *call) error {
	f, err := c.bulkFilter([]string{"reason"}, scheduler.Failed, scheduler.Cancelled)
	if err != nil {
		return err
	}
	if err := s.admitSubmit(c, 1); err != nil {
		return err
	}
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	done := Bulk{Requeued: []Requeued{}}
	done.More, err = s.eachJob(c, f, func(id scheduler.JobID) error {
		job, err := s.scheduler.Job(c.ctx(), id)
		if err != nil || job.RequeuedAs != 0 {
			return err
		}
		to, err := s.scheduler.Requeue(c.ctx(), who, id)
		if err == nil {
			done.Requeued = append(done.Requeued, Requeued{From: id, To: to})
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, done)
}
