package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// users are who submits.
var users = []string{"ana", "bo", "cy", "dan"}

// submitPatience is how long a user tries to submit one job, under one key.
const submitPatience = 20 * time.Second

// visit is one arrival at work.
type visit struct {
	intent
	run     *Run
	who     string // the user, and the arrival: a client that does one thing at a time
	token   string
	server  int
	parents []int64 // that its jobs are to follow
}

func (v *visit) door() Door { return v.run.Doors[v.server%len(v.run.Doors)] }

// do goes through what was meant.
func (v *visit) do(ctx context.Context) {
	ids := v.submit(ctx)
	v.run.known.put(v.n, ids)
	if len(ids) == 0 {
		return
	}
	if v.cancel > 0 {
		pause(ctx, v.cancel)
		v.cancels(ctx, ids[0])
	}
	for range v.looks {
		v.look(ctx, ids[len(ids)-1], 0)
		pause(ctx, 300*time.Millisecond)
	}
	last := ""
	if v.wait > 0 || v.requeues {
		last = v.look(ctx, ids[0], v.wait)
	}
	if v.requeues && (last == "failed" || last == "cancelled") {
		v.requeue(ctx, ids[0])
	}
}

// submit submits, on another server with the same key where there is no answer,
// and once more where that was meant. It gives the ids that are known.
func (v *visit) submit(ctx context.Context) []int64 {
	q := request{method: http.MethodPost, path: "/jobs", key: fmt.Sprintf("%s-%d", v.run.keys, v.n)}
	if id := v.run.known.get(v.n - v.after); v.after > 0 && id != 0 {
		v.parents = []int64{id}
	}
	var err error
	if q.body, err = v.body(); err != nil {
		v.run.failed(err)
		return nil
	}
	if v.batch > 0 {
		q.path = "/jobs/batch"
	}
	ids := v.submitted(ctx, q)
	if v.again && len(ids) > 0 {
		v.submitted(ctx, q)
	}
	return ids
}

// submitted sends a submit until it is answered, and writes down what came of it.
func (v *visit) submitted(ctx context.Context, q request) []int64 {
	ctx, cancel := context.WithTimeout(ctx, submitPatience)
	defer cancel()
	ctx, requests := counted(ctx)
	op := record.Op{Client: v.who, Op: record.Submit, After: v.parents, CallNS: int64(boottime.Now())}
	var ids []int64
	unsure := false
	for {
		err := v.door().send(ctx, v.token, q, answered(&ids))
		v.server++
		var no refusal
		switch {
		case err == nil:
		case errors.As(err, &no) && no.status != http.StatusTooManyRequests:
			op.Refused = no.code
		case ctx.Err() == nil:
			unsure = unsure || errors.Is(err, errUnknown)
			pause(ctx, 200*time.Millisecond)
			continue
		default:
			op.Unknown = true
		}
		break
	}
	if op.Refused != "" && unsure { // one of the tries before may have been taken
		op.Refused, op.Unknown = "", true
	}
	op.ReturnNS, op.Tries, op.LastNS = int64(boottime.Now()), int(requests.tries.Load()), requests.last.Load()
	for member := range max(1, v.batch) {
		op.Name = v.name(member)
		if member < len(ids) {
			op.Job = ids[member]
		}
		v.run.op(op)
	}
	return ids
}

// idsOf reads the answer of a submit: an id, or a list of them.
type idsOf struct{ to *[]int64 }

func answered(to *[]int64) *idsOf { return &idsOf{to} }

// UnmarshalJSON implements json.Unmarshaler.
func (i *idsOf) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, i.to); err == nil {
		return nil
	}
	var id int64
	err := json.Unmarshal(text, &id)
	*i.to = []int64{id}
	return err
}

func (v *visit) body() ([]byte, error) {
	job := map[string]any{
		"source": v.run.source + strings.Repeat("#", v.padding), "function": "chaos", "retries": v.retries, "timeout": "60s", "grace": 0.5,
		"msg": map[string]any{"root": v.run.Root, "do": v.intent.do, "seconds": v.seconds, "size": v.size},
	}
	if len(v.parents) > 0 {
		job["after"] = v.parents
	}
	if v.batch == 0 {
		job["name"] = v.name(0)
		return json.Marshal(job)
	}
	jobs := make([]map[string]any, v.batch)
	for member := range jobs {
		jobs[member] = maps.Clone(job)
		jobs[member]["name"] = v.name(member)
	}
	return json.Marshal(map[string]any{"jobs": jobs})
}

// look asks for a job, and gives the state that it saw; "" if it saw none.
func (v *visit) look(ctx context.Context, id int64, wait time.Duration) string {
	path := fmt.Sprintf("/jobs/%d", id)
	if wait > 0 {
		path += fmt.Sprintf("?wait=%ds", int(wait.Seconds()))
	}
	op := record.Op{Client: v.who, Op: record.Get, Job: id, CallNS: int64(boottime.Now())}
	var job api.Job
	if v.ends(ctx, &op, request{method: http.MethodGet, path: path, wait: wait}, &job) {
		op.Saw(&job)
		op.Result = firstLine(op.Result)
	}
	v.run.op(op)
	return op.State
}

func (v *visit) cancels(ctx context.Context, id int64) {
	op := record.Op{Client: v.who, Op: record.Cancel, Job: id, CallNS: int64(boottime.Now())}
	var done api.Cancelled
	if v.ends(ctx, &op, request{method: http.MethodDelete, path: fmt.Sprintf("/jobs/%d", id)}, &done) {
		op.State, op.Already = string(done.State), done.Already
	}
	v.run.op(op)
}

func (v *visit) requeue(ctx context.Context, id int64) {
	op := record.Op{Client: v.who, Op: record.Requeue, Job: id, CallNS: int64(boottime.Now())}
	var to int64
	if v.ends(ctx, &op, request{method: http.MethodPost, path: fmt.Sprintf("/jobs/%d/requeue", id)}, &to) {
		op.NewJob = to
	}
	v.run.op(op)
}

// ends makes one try, fills in how it ended, and says whether it was done.
func (v *visit) ends(ctx context.Context, op *record.Op, q request, into any) bool {
	err := v.door().send(ctx, v.token, q, into)
	v.server++
	var no refusal
	switch {
	case errors.As(err, &no):
		op.Refused = no.code
	case err != nil:
		op.Unknown = true
	}
	op.ReturnNS = int64(boottime.Now())
	return err == nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
