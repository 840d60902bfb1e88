package scheduler

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Callback is who is told of a job's end, and how far that is.
type Callback struct {
	URL   string        // http or https; "": nobody is told
	State CallbackState // "" until all is done
	Tries []TriedCallback
	Taken int       // how often a server took the sending
	Held  bool      // one has it, until Next
	Next  time.Time // not before: the end of a pause, or of the holder's time; zero: at once
	Why   string    // it was given up without a last try; "" else
}

// TriedCallback is a try that was recorded.
type TriedCallback struct {
	At   time.Time // when it was recorded
	Text string    // what became of it, in words
}

// CallbackState is how the sending of a callback ended.
type CallbackState string

// The ends of a callback.
const (
	CallbackDelivered CallbackState = "delivered" // it was answered with a status of 2xx
	CallbackFailed    CallbackState = "failed"    // no try was
)

// Limits of callbacks.
const (
	CallbackTries = 3 // that are made, at most
	// callbackTakes bounds what servers begin that end before they record anything.
	callbackTakes  = 10
	maxCallbackURL = 2048 // bytes
)

// eventCallback is the kind of the event of each try.
const eventCallback = "callback"

// callbackDue: the job has ended and somebody has yet to be told.
func (j *Job) callbackDue() bool {
	return j.State.Final() && j.Callback.URL != "" && j.Callback.State == ""
}

// callbackMember is a member of the index of callbacks to send: the time, the
// id, and the user, so that senders can be fair without reading the jobs.
func callbackMember(j *Job) []byte {
	return append(timedMember(j.callbackAt(), j.ID), j.User...)
}

// callbackAt is from when on the callback can be sent.
func (j *Job) callbackAt() time.Time {
	if j.Callback.Next.IsZero() {
		return j.EndedAt
	}
	return j.Callback.Next
}

func callbackID(b []byte) JobID { return timedID(b[:min(len(b), timedBytes)]) }

// CheckCallback refuses a URL that nothing could be sent to.
func CheckCallback(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxCallbackURL:
		return &FieldError{"callback", fmt.Sprintf("has %d bytes; at most %d", len(text), maxCallbackURL)}
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return &FieldError{"callback", "want an http or https URL, as http://app.example.org/done"}
	case !possiblePort(u):
		return &FieldError{"callback", "want a port from 1 to 65535"}
	case u.User != nil:
		return &FieldError{"callback", "has a user or password, which would be sent to whoever answers there; put a secret of yours into its path or query"}
	}
	return nil
}

// possiblePort reports whether something can listen on the URL's port.
func possiblePort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// DueCallback is a callback that can be sent now.
type DueCallback struct {
	Job  JobID
	User string
}

// DueCallbacks lists callbacks that can be sent now, those that wait longest
// first, up to limit, after the cursor (nil: from the first). next is nil where there are no more.
func (s *Scheduler) DueCallbacks(ctx context.Context, after []byte, limit int) (due []DueCallback, next []byte, err error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyCallbacks, From: after, Limit: limit}}})
	if err != nil {
		return nil, nil, fmt.Errorf("callbacks: %w", err)
	}
	until := timedUntil(a.Now)
	for _, m := range a.Ranges[0] {
		if len(m) < timedBytes || bytes.Compare(m, until) >= 0 {
			return due, nil, nil
		}
		due = append(due, DueCallback{callbackID(m), string(m[timedBytes:])})
		next = append(bytes.Clone(m), 0)
	}
	if len(a.Ranges[0]) < limit {
		next = nil
	}
	return due, next, nil
}

// TakeCallback takes the sending of a callback for three times CallbackTry, as
// the only server; what came of it is told by EndCallback with the Taken of the
// job that it returns. ok is false where there is nothing to send, or somebody else has it.
func (s *Scheduler) TakeCallback(ctx context.Context, id JobID) (job Job, ok bool, err error) {
	t := transition[*Job]{name: "callback", freeing: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[*Job], err error) {
		before, err := f.job(id)
		if err != nil || !before.callbackDue() || before.Callback.Next.After(f.Now) {
			return p, ignoreMissing(err)
		}
		after := before.next()
		if before.Callback.Taken >= callbackTakes {
			after.Callback.giveUp(fmt.Sprintf("%d servers began to send it and none said how it went", callbackTakes))
			p.change(&before, &after)
			p.tell(&after, eventCallback, after.Callback.Why, f.Now)
			return p, nil
		}
		after.Callback.take(s.opts.Timing, f.Now)
		p.change(&before, &after)
		p.value = &after
		return p, nil
	}
	taken, err := run(ctx, s, t)
	if err != nil || taken == nil {
		return Job{}, false, err
	}
	return *taken, true, nil
}

func (c *Callback) take(t Timing, now time.Time) {
	c.Taken++
	c.Held, c.Next = true, now.Add(c.heldFor(t))
}

// heldFor is how long who took it has for it.
func (c *Callback) heldFor(t Timing) time.Duration { return 3 * t.CallbackTry }

// pause is that after the last try.
func (c *Callback) pause(t Timing) time.Duration {
	return grow(t.CallbackPause, len(c.Tries)-1, time.Hour)
}

func (c *Callback) giveUp(why string) {
	c.State, c.Held, c.Next, c.Why = CallbackFailed, false, time.Time{}, why
}

// CallbackTry is what came of one try.
type CallbackTry struct {
	// Unsent: it was not begun, because the server stops; it counts for nothing.
	Unsent    bool
	Delivered bool
	Text      string // the status, or why there is none
}

// EndCallback records a try by whoever took it as the Taken-th, and says how the
// callback stands now. Of a try that was recorded already, or that somebody else has
// taken since, nothing is changed.
func (s *Scheduler) EndCallback(ctx context.Context, id JobID, taken int, try CallbackTry) (Callback, error) {
	t := transition[Callback]{name: "callback", freeing: true, patient: true, query: store.Query{Keys: []string{keyJob(id)}}}
	t.decide = func(f *facts) (p plan[Callback], err error) {
		before, err := f.job(id)
		p.value = before.Callback
		if err != nil || !before.callbackDue() || !before.Callback.Held || before.Callback.Taken != taken {
			return p, ignoreMissing(err)
		}
		after := before.next()
		told := after.Callback.end(try, s.opts.Timing, f.Now)
		p.change(&before, &after)
		if told != "" {
			p.tell(&after, eventCallback, told, f.Now)
		}
		p.value = after.Callback
		return p, nil
	}
	return run(ctx, s, t)
}

// end notes a try, and gives the words of its event.
func (c *Callback) end(try CallbackTry, t Timing, now time.Time) (told string) {
	c.Held, c.Next = false, time.Time{}
	if try.Unsent {
		return ""
	}
	n := len(c.Tries) + 1
	c.Tries = append(slices.Clip(c.Tries), TriedCallback{now, try.Text})
	told = fmt.Sprintf("try %d of %d: %s", n, CallbackTries, try.Text)
	switch {
	case try.Delivered:
		c.State = CallbackDelivered
	case n >= CallbackTries:
		c.giveUp("")
		told += "; given up"
	default:
		pause := c.pause(t)
		c.Next = now.Add(pause)
		told += "; again in " + pause.String()
	}
	return told
}

// CallbackFacts are what a callback says of a job, by the predecessor's names.
func (j *Job) CallbackFacts() (success, shortResult string) {
	if j.State == Succeeded {
		return "1", j.Result.Short
	}
	return "0", "None"
}
