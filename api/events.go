package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Event is a fact about a job: the data of a server-sent event.
type Event struct {
	Job     scheduler.JobID `json:"job"`
	Kind    string          `json:"kind"`
	Text    string          `json:"text,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Attempt int             `json:"attempt,omitempty"`
	User    string          `json:"user,omitempty"`
	// Simulated: of an attempt on simulated devices.
	Simulated bool `json:"simulated,omitempty"`
	// Of a job's own stream.
	State        scheduler.State `json:"state,omitempty"`
	Progress     json.RawMessage `json:"progress,omitempty"` // as in Job
	ProgressText string          `json:"progress_text,omitempty"`
	Position     int             `json:"position,omitempty"` // of a queued job, from 1
	PositionOver bool            `json:"position_over,omitempty"`
	LogBytes     int64           `json:"log_bytes,omitempty"`
	Closing      *Closing        `json:"closing,omitempty"`
}

// jobEvents answers GET /jobs/{id}/events: the job's history, then what
// happens, until it has ended. The history follows from the job's record, so
// every server tells the same with the same ids.
func (s *Server) jobEvents(c *call) error {
	id, err := c.jobID("id")
	if err != nil {
		return err
	}
	wake, stop := s.hub.wait(id, false)
	defer stop()
	job, err := s.visible(c, id)
	if err != nil {
		return err
	}
	defer s.whileWriting(c)()
	st, err := c.startStream()
	if err != nil || c.r.Method == http.MethodHead {
		return err
	}
	w := jobWatch{last: c.lastEvent()}
	for {
		at, err := s.scheduler.Position(c.ctx(), &job)
		if err != nil {
			return err
		}
		if err := w.send(st, &job, at); err != nil {
			return err
		}
		if job.State.Final() || !s.sleep(c, wake, nil) {
			return nil
		}
		if job, err = s.visible(c, id); err != nil {
			return err
		}
	}
}

// lastEvent is where a reader left off.
func (c *call) lastEvent() string {
	if id := c.r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return c.r.URL.Query().Get("after")
}

// jobWatch remembers what one reader has been told of a job.
type jobWatch struct {
	last     string
	progress progress
	logBytes int64
	at       scheduler.Position
	notice   string
	closing  scheduler.Closing
	begun    bool
}

// send tells what is new, and beats where nothing is.
func (w *jobWatch) send(st *stream, job *scheduler.Job, at scheduler.Position) error {
	told := false
	for _, e := range history(job) {
		if !laterStep(e.step, w.last) {
			continue
		}
		if err := st.send(e.step, e.name(), e.Event); err != nil {
			return err
		}
		w.last, told = e.step, true
	}
	if w.live(job, at) {
		told = true
		if err := st.send("", "update", update(job, at)); err != nil {
			return err
		}
	}
	if !told {
		return st.beat()
	}
	return st.c.FlushError()
}

// live reports whether what has no place in the history has changed.
func (w *jobWatch) live(job *scheduler.Job, at scheduler.Position) bool {
	said, closing, far := notice(job), closingNow(job), progressOf(job)
	changed := far != w.progress || job.LogBytes != w.logBytes || said != w.notice || closing != w.closing || at != w.at || !w.begun
	w.progress, w.logBytes, w.notice, w.closing, w.at, w.begun = far, job.LogBytes, said, closing, at, true
	return changed
}

func update(job *scheduler.Job, at scheduler.Position) Event {
	p := progressOf(job)
	return Event{
		Job: job.ID, Kind: "update", Text: notice(job), State: job.State,
		Progress: json.RawMessage(p.value), ProgressText: p.text, Position: at.N, PositionOver: at.Over,
		LogBytes: job.LogBytes, Attempt: len(job.Attempts), Closing: closingOf(job),
	}
}

// notice is what the user has to know of a job that runs, after "it is": that
// it has to stop, who wants it and why.
func notice(job *scheduler.Job) string {
	switch {
	case !job.CancelRequested || job.State.Final():
		return ""
	case job.CancelThen != "":
		return "told to stop and to wait again" + by(job.CancelBy)
	}
	return "told to stop" + by(job.CancelBy)
}
