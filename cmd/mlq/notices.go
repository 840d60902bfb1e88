package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// noticesAgain is the pause before a broken stream of events is opened again.
const noticesAgain = time.Second

// notices says on standard error what befalls a job that somebody follows:
// that it is told to stop, by whom and why, and that it waits again.
type notices struct {
	io    streams
	r     *remote
	id    scheduler.JobID
	place string // the last event's id
	last  string // what was said last
	shut  string // what it was told to be closed by a deadline, "" if nothing
	old   bool   // what comes first has happened before anybody followed
}

// tellNotices follows a job's events beside its log. past: what has happened
// already is told too. The caller ends it.
func tellNotices(ctx context.Context, io streams, r *remote, id scheduler.JobID, past bool) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	n := notices{io: io, r: r, id: id, old: !past}
	go func() {
		defer close(done)
		n.follow(ctx)
	}()
	return func() { cancel(); <-done }
}

// follow reads streams until the job has ended. It is a courtesy: what is
// wrong with the server is told by the log, which has the same way.
func (n *notices) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if ended, err := n.stream(ctx); ended || err != nil && !again(err) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(noticesAgain):
		}
	}
}

// again reports whether a stream that could not be had may be had later.
func again(err error) bool {
	var problem *api.Error
	return !errors.As(err, &problem) || problem.Status >= http.StatusInternalServerError
}

func (n *notices) stream(ctx context.Context) (ended bool, err error) {
	query := url.Values{}
	if n.place != "" {
		query.Set("after", n.place)
	}
	response, err := n.r.do(ctx, http.MethodGet, jobPath(n.id, "/events"), query, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			n.place = value
		case "data":
			var e api.Event
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return false, err
			}
			n.say(&e)
			ended = e.State.Final()
		}
	}
	return ended, lines.Err()
}

// say writes an event's words where they are news.
func (n *notices) say(e *api.Event) {
	text := n.of(e)
	if e.Kind == "update" { // it comes last of what has happened already
		n.old = false
	}
	if text == "" || text == n.last || n.old {
		return
	}
	n.last = text
	fmt.Fprintf(n.io.err, "mlq: job %d %s\n", n.id, harmless(text))
}

// of is what a person has to know of an event, "" if nothing. How the job ends
// is told by the command itself.
func (n *notices) of(e *api.Event) string {
	shut := n.shut
	if e.Kind == "update" || strings.HasPrefix(e.Kind, "attempt_") {
		n.shut = ""
	}
	if e.Closing != nil {
		n.shut = deviceInWords(e.Closing.What)
	}
	switch {
	case e.Kind == "running" && e.Simulated:
		return "runs " + e.Text
	case e.Kind == "update" && e.Text != "":
		return "is " + e.Text
	case e.Closing != nil:
		return "runs where it cannot stay: " + closingInWords(e.Closing, time.Now())
	case e.Kind == "update" && shut != "" && e.State.Active():
		return "may go on: " + shut + " is not closed any more"
	case e.Kind == "attempt_released", e.Kind == "attempt_lost":
		return fmt.Sprintf("waits again; attempt %d was %s: %s", e.Attempt, strings.TrimPrefix(e.Kind, "attempt_"), e.Text)
	}
	return ""
}

// closingInWords says when something closes, by whom and why, and what that means for a job there.
func closingInWords(c *api.Closing, now time.Time) string {
	then := "waits again"
	if c.Then == "cancel" {
		then = "is cancelled"
	}
	return fmt.Sprintf("%s is closed at %s by %s; this job is stopped then and %s", deviceInWords(c.What), clock(c.At, now), c.By, then)
}
