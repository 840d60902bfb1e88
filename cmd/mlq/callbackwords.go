package main

import (
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// callbackInWords tells how far a job's callback is, "" where there is none.
func callbackInWords(c *api.CallbackState, now time.Time) string {
	switch {
	case c == nil:
		return ""
	case c.State == "waiting":
		return "waiting for the end of the job"
	case c.Why != "":
		return c.State + ": " + c.Why
	case len(c.Tries) == 0:
		return c.State
	}
	text := c.State + ": " + c.Tries[len(c.Tries)-1].Text
	if n := len(c.Tries); n > 1 {
		text += fmt.Sprintf(" (%d tries)", n)
	}
	if !c.Next.IsZero() {
		text += ", again " + moment(c.Next, now)
	}
	return text
}
