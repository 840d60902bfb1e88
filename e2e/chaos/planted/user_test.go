package planted

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

//go:embed job.py
var source string

// notYetError says what something is not yet.
type notYetError struct{ what string }

func (e notYetError) Error() string { return "not " + e.what }

// submit submits a job that runs for so many seconds, in its first attempt, in
// its second, and so on. None of the user's links has a fault.
func (l *lab) submit(name string, seconds ...float64) int64 {
	l.t.Helper()
	op := record.Op{Client: "user", Op: record.Submit, Name: name, CallNS: l.now()}
	var id int64
	l.ask("POST", "/jobs", map[string]any{
		"source": source, "function": "job", "name": name, "grace": 0.2,
		"msg": map[string]any{"root": l.dir, "seconds": seconds},
	}, &id)
	op.Job, op.ReturnNS = id, l.now()
	l.must(record.Write(l.record, op))
	return id
}

func (l *lab) cancel(id int64) {
	l.t.Helper()
	op := record.Op{Client: "user", Op: record.Cancel, Job: id, CallNS: l.now()}
	var done api.Cancelled
	l.ask("DELETE", fmt.Sprint("/jobs/", id), nil, &done)
	op.State, op.Already, op.ReturnNS = string(done.State), done.Already, l.now()
	l.must(record.Write(l.record, op))
}

func (l *lab) get(id int64) (job api.Job) {
	l.t.Helper()
	l.ask("GET", fmt.Sprint("/jobs/", id), nil, &job)
	return job
}

// waits until a job is in a state, in that attempt.
func (l *lab) await(id int64, state string, attempt int) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("job %d is %s in attempt %d", id, state, attempt), func() error {
		if job := l.get(id); string(job.State) != state || len(job.Attempts) != attempt {
			return notYetError{fmt.Sprintf("so, it is %s in attempt %d", job.State, len(job.Attempts))}
		}
		return nil
	})
}

// ask asks the server, again while its store is away.
func (l *lab) ask(method, path string, body, into any) {
	l.t.Helper()
	l.eventually(method+" "+path, func() error { return l.try(method, path, body, into) })
}

func (l *lab) try(method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.server.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+l.token)
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 20 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, said)
	}
	return json.Unmarshal(said, into)
}
