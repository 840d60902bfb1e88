package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func newJob(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job ID",
		Short: "Show one job with all its attempts",
		Args:  exactly(1, "one job id"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, id, err := server.ofJob(args[0])
		if err != nil {
			return err
		}
		var job api.Job
		if err := r.get(cmd.Context(), jobPath(id, ""), nil, &job); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(io.out, job)
		}
		return describeJob(io.out, &job, time.Now())
	}
	return cmd
}

// describeJob tells what people ask first: how it stands, where, and why.
func describeJob(w io.Writer, j *api.Job, now time.Time) error {
	t := &table{head: []string{"job", idText(j.ID)}}
	add := func(what, value string) {
		if value != "" {
			t.row(what, value)
		}
	}
	add("name", nameOf(j))
	add("user", j.User)
	add("state", stateInWords(j))
	add("detail", j.Detail)
	if j.Closing != nil {
		add("closing", closingInWords(j.Closing, now))
	}
	add("submitted", moment(j.Submitted, now))
	add("not before", moment(j.NotBefore, now))
	add("ended", moment(j.EndedAt, now))
	add("needs", j.Class)
	if j.Hold && j.Lease != nil {
		add("held until", untilWords(j.Lease.EndsBy, now))
	}
	add("time limit", limitInWords(j))
	add("progress", j.ProgressText)
	if j.RequeueOf != 0 {
		add("requeue of", idText(j.RequeueOf))
	}
	if j.RequeuedAs != 0 {
		add("requeued as", idText(j.RequeuedAs))
	}
	if j.ShortResult != nil {
		add("result", *j.ShortResult)
	}
	add("callback", callbackInWords(j.CallbackState, now))
	for i := range j.Attempts {
		add(fmt.Sprintf("attempt %d", j.Attempts[i].N), attemptInWords(&j.Attempts[i], now))
		add("  directory", directoryInWords(&j.Attempts[i]))
	}
	return t.print(w)
}

func stateInWords(j *api.Job) string {
	text := string(j.State)
	switch {
	case j.Reason != "":
		text += " (" + string(j.Reason) + ")"
	case j.CancelRequested && !j.State.Final():
		text += ", told to stop" + andWait(j.CancelThen) + " by " + j.CancelBy
	case j.Position > 0 && j.PositionOver:
		text += fmt.Sprintf(", place > %d", j.Position)
	case j.Position > 0:
		text += fmt.Sprintf(", place %d", j.Position)
	}
	return text
}

// andWait says that a job which is told to stop is to wait again.
func andWait(then string) string {
	if then == "" {
		return ""
	}
	return " and to wait again"
}

func attemptInWords(a *api.Attempt, now time.Time) string {
	devices := make([]string, len(a.Devices))
	for i, uuid := range a.Devices {
		devices[i] = deviceInWords(uuid)
	}
	text := fmt.Sprintf("on %s, %s; claimed %s", a.Host, strings.Join(devices, " "), moment(a.Claimed, now))
	if !a.Started.IsZero() && !a.Ended.IsZero() {
		text += fmt.Sprintf("; ran %s", short(a.Ended.Sub(a.Started)))
	}
	if a.Outcome != "" {
		text += "; " + string(a.Outcome)
	}
	if a.Signal != "" {
		text += " by " + a.Signal
	}
	if a.Cause != "" {
		text += ": " + a.Cause
	}
	return text
}

// directoryInWords is where the job's files are, and how much they held at its end.
func directoryInWords(a *api.Attempt) string {
	if a.WorkDir == "" || a.WorkBytes == 0 {
		return a.WorkDir
	}
	return fmt.Sprintf("%s (%s)", a.WorkDir, size(a.WorkBytes))
}

// limitInWords is a job's time limit, and whose it is.
func limitInWords(j *api.Job) string {
	text := timeLimit(j.TimeoutSeconds)
	switch scheduler.LimitFrom(j.TimeoutFrom) {
	case scheduler.FromDefault:
		text += " (the server's default)"
	case scheduler.FromServerMax:
		text += " (the server's maximum)"
	case scheduler.FromUserMax:
		text += " (your maximum)"
	}
	return text
}

// moment is a time as people want it: the clock, and how long ago.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.After(now) {
		return fmt.Sprintf("%s (in %s)", t.Local().Format(time.DateTime), in(t, now))
	}
	return fmt.Sprintf("%s (%s ago)", t.Local().Format(time.DateTime), ago(t, now))
}
