package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
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

// stream writes server-sent events. It keeps no queue for a slow reader: what
// has happened is in the store, and is read from there when the reader has taken
// the page before. One that takes nothing for too long is cut off (patience.go)
// and goes on with Last-Event-ID.
type stream struct{ c *call }

func (c *call) startStream() (*stream, error) {
	h := c.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.WriteHeader(http.StatusOK)
	return &stream{c}, c.FlushError()
}

// send writes one event; id "" leaves the reader's place as it is.
func (st *stream) send(id, kind string, e Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	_, err = fmt.Fprintf(st.c, "%sevent: %s\ndata: %s\n\n", id, kind, text)
	return err
}

// beat keeps the connection alive, and notices a reader who has gone.
func (st *stream) beat() error {
	if _, err := st.c.Write([]byte(": still here\n\n")); err != nil {
		return err
	}
	return st.c.FlushError()
}

// hint says that something happened to jobs that the reader may not see: who has
// which device, and the queue, may have changed.
func (st *stream) hint() error {
	if _, err := st.c.Write([]byte(": others\n\n")); err != nil {
		return err
	}
	return st.c.FlushError()
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

// step is one event of a job's history. Its id is ATTEMPT.PLACE, and grows.
type step struct {
	step string
	Event
}

// history derives the events of a job from its record.
func history(job *scheduler.Job) []step {
	first := string(scheduler.Queued)
	if len(job.Attempts) == 0 && job.State == scheduler.Scheduled {
		first = string(scheduler.Scheduled)
	}
	steps := []step{{"0.1", Event{Job: job.ID, Kind: "submitted", State: scheduler.State(first), At: job.Submitted}}}
	for i := range job.Attempts {
		steps = append(steps, attemptSteps(job.ID, &job.Attempts[i])...)
	}
	if job.State.Final() {
		steps = append(steps, step{strconv.Itoa(len(job.Attempts)) + ".9", Event{
			Job: job.ID, Kind: string(job.State), State: job.State, At: job.EndedAt, Text: endText(job), Attempt: len(job.Attempts),
		}})
	}
	return append(steps, callbackSteps(job)...)
}

func attemptSteps(id scheduler.JobID, a *scheduler.Attempt) []step {
	n, on, simulated := strconv.Itoa(a.N), "on "+a.Host, gpu.AnySimulated(a.Devices)
	if simulated {
		on += " (simulated)"
	}
	steps := []step{{n + ".1", Event{Job: id, Kind: "leased", State: scheduler.Leased, At: a.Claimed, Attempt: a.N, Text: on, Simulated: simulated}}}
	if !a.Started.IsZero() {
		steps = append(steps, step{n + ".2", Event{Job: id, Kind: "running", State: scheduler.Running, At: a.Started, Attempt: a.N, Text: on, Simulated: simulated}})
	}
	if !a.Ended.IsZero() {
		steps = append(steps, step{n + ".3", Event{Job: id, Kind: "attempt_" + string(a.Outcome), At: a.Ended, Attempt: a.N, Text: a.Cause}})
	}
	return steps
}

func endText(job *scheduler.Job) string {
	switch job.State {
	case scheduler.Failed:
		return string(job.Reason) + ": " + job.Detail
	case scheduler.Cancelled:
		return "cancelled" + by(job.CancelBy)
	}
	return ""
}

// laterStep compares two ids of a history; one that cannot be read is before all.
func laterStep(a, b string) bool {
	a1, a2 := splitStep(a)
	b1, b2 := splitStep(b)
	return a1 > b1 || a1 == b1 && a2 > b2
}

func splitStep(id string) (int, int) {
	attempt, place, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(attempt)
	if err != nil {
		return 0, 0
	}
	p, err := strconv.Atoi(place)
	if err != nil {
		return n, 0
	}
	return n, p
}

// eventPage is how many events of the log are read at once.
const eventPage = 500

// allEvents answers GET /events: the log of what happens to the jobs that one
// may see, from Last-Event-ID on, or from now. The log keeps the last events only.
func (s *Server) allEvents(c *call) error {
	wake, stop := s.hub.wait(0, false)
	defer stop()
	after, given := parseEntryID(c.lastEvent())
	if !given {
		var err error
		if after, err = s.lastEntry(c); err != nil {
			return err
		}
	}
	st, err := c.startStream()
	if err != nil || c.r.Method == http.MethodHead {
		return err
	}
	for {
		n, last, err := s.sendEvents(c, st, after)
		if err != nil {
			return err
		}
		after = last
		if n == eventPage {
			continue
		}
		if !s.sleep(c, wake, nil) {
			return nil
		}
	}
}

// sendEvents sends one page of the log, and returns its length and its end.
func (s *Server) sendEvents(c *call, st *stream, after store.EntryID) (int, store.EntryID, error) {
	events, err := s.scheduler.Events(c.ctx(), after, eventPage)
	if err != nil {
		return 0, after, err
	}
	told := false
	for _, e := range events {
		after = e.ID
		if !c.sees(e.User) {
			continue
		}
		told = true
		wire := Event{Job: e.Job, Kind: e.Kind, Text: e.Text, At: e.At, Attempt: e.Attempt, User: e.User}
		if err := st.send(formatEntryID(e.ID), "job", wire); err != nil {
			return 0, after, err
		}
	}
	if told {
		return len(events), after, st.c.FlushError()
	}
	if len(events) > 0 {
		return len(events), after, st.hint()
	}
	return len(events), after, st.beat()
}

// lastEntry finds the end of the log.
func (s *Server) lastEntry(c *call) (store.EntryID, error) {
	var last store.EntryID
	for {
		events, err := s.scheduler.Events(c.ctx(), last, eventPage)
		if err != nil || len(events) == 0 {
			return last, err
		}
		last = events[len(events)-1].ID
	}
}

func formatEntryID(id store.EntryID) string {
	return strconv.FormatUint(id.Revision, 10) + "-" + strconv.FormatUint(uint64(id.Seq), 10)
}

// parseEntryID reads REVISION-SEQ; ok is false for anything else.
func parseEntryID(text string) (id store.EntryID, ok bool) {
	revision, seq, _ := strings.Cut(text, "-")
	r, err := strconv.ParseUint(revision, 10, 64)
	if err != nil {
		return id, false
	}
	n, err := strconv.ParseUint(seq, 10, 32)
	if err != nil {
		return id, false
	}
	return store.EntryID{Revision: r, Seq: uint32(n)}, true
}
