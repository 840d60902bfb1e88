package agent_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// submit queues a job of ana's.
func (w *world) submit(body string) scheduler.JobID {
	w.t.Helper()
	return w.submitAs("ana", body)[0]
}

func (w *world) submitAs(user string, bodies ...string) []scheduler.JobID {
	w.t.Helper()
	subs := make([]scheduler.Submission, len(bodies))
	for i, body := range bodies {
		subs[i] = w.parse(body)
	}
	done, err := w.sched.Submit(w.ctx, scheduler.Who{User: user}, subs, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return done.IDs
}

// functionsAre has a user have functions of these names registered.
func (w *world) functionsAre(user string, names ...string) {
	w.t.Helper()
	list := []scheduler.Function{}
	for _, name := range names {
		list = append(list, scheduler.Function{Name: name})
	}
	err := w.sched.ChangeFunctions(w.ctx, user, func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) { return list, nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) parse(body string) scheduler.Submission {
	w.t.Helper()
	p, err := submission.Parse(scheduler.MediaJSON, []byte(body))
	if err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	return p.Submission
}

// call is a submission of a Python function f with its message, and more fields.
func call(source string, msg any, more ...string) string {
	fields := map[string]any{"source": source, "function": "f", "msg": msg}
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		fields[name] = json.RawMessage(value)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// await waits until a job is as wanted.
func (w *world) await(id scheduler.JobID, what string, want func(scheduler.Job) bool) scheduler.Job {
	w.t.Helper()
	var job scheduler.Job
	w.until(fmt.Sprintf("job %d %s", id, what), func() bool {
		var err error
		job, err = w.sched.Job(w.ctx, id)
		return err == nil && want(job)
	}, func() string { return fmt.Sprintf("it is %+v", job) })
	return job
}

func (w *world) awaitState(id scheduler.JobID, s scheduler.State) scheduler.Job {
	w.t.Helper()
	return w.await(id, "to be "+string(s), func(j scheduler.Job) bool {
		if j.State != s && j.State.Final() {
			w.t.Fatalf("job %d is %s (%s: %s), not %s; log: %s", id, j.State, j.Reason, j.Detail, s, w.shelf.log(w.t, id, len(j.Attempts)))
		}
		return j.State == s
	})
}

// value is the JSON view of a job's result.
func (w *world) value(id scheduler.JobID) string {
	w.t.Helper()
	job := w.awaitState(id, scheduler.Succeeded)
	_, data, err := w.sched.JobWithResult(w.ctx, id)
	if !job.Result.Inline {
		data, err = w.shelf.read(job.Result.SHA256, 1<<30)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := envelope.Parse(data)
	if err != nil {
		w.t.Fatal(err)
	}
	view, ok := h.Frame("view")
	if !ok {
		w.t.Fatalf("no view in %+v", h)
	}
	return string(data[view.Offset : view.Offset+view.Size])
}
