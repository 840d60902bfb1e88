package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

var asJSON = header{"Content-Type", "application/json"}

func (w *world) set(user, body string) api.User {
	w.Helper()
	var u api.User
	w.ok(w.do(w.admin, "PATCH", "/users/"+user, body), 200, &u)
	return u
}

func (w *world) user(token, name string) api.User {
	w.Helper()
	var u api.User
	w.ok(w.do(token, "GET", "/users/"+name, nil), 200, &u)
	return u
}

// TestUserLimitsAreKept: what is not named stays, null takes away, PUT sets all.
func TestUserLimitsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxQueued, o.MaxTimeout = 1000, 7*24*time.Hour })
	w.set("ana", `{"max_devices":4,"max_queued":500,"max_timeout":"12h","unix":"ana"}`)
	u := w.set("ana", `{"max_devices":2}`)
	if u.MaxDevices != 2 || u.MaxQueued != 500 || u.MaxTimeoutSeconds != 12*3600 || u.Unix != "ana" || fmt.Sprint(u.Roles) != "[user]" {
		t.Errorf("after a change of one field: %+v", u)
	}
	u = w.set("ana", `{"max_queued":null,"max_timeout":"30d"}`)
	if u.MaxQueued != 0 || u.MaxTimeoutSeconds != 30*24*3600 {
		t.Errorf("after null: %+v", u)
	}
	if u.Limits != (api.Limits{MaxDevices: 2, MaxQueued: 1000, MaxTimeoutSeconds: 7 * 24 * 3600, DefaultTimeoutSeconds: 7 * 24 * 3600}) {
		t.Errorf("what holds: %+v", u.Limits)
	}
	var put api.User
	w.ok(w.do(w.admin, "PUT", "/users/cleo", `{"max_queued":3}`, asJSON), 200, nil)
	w.ok(w.do(w.admin, "PUT", "/users/cleo", `{"max_devices":1}`, asJSON), 200, &put)
	if put.MaxQueued != 0 || put.MaxDevices != 1 || put.Created.IsZero() {
		t.Errorf("after PUT: %+v", put)
	}
}

// TestUsersSeeThemselves, and nobody else.
func TestUsersSeeThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set("ana", `{"max_devices":2}`)
	w.submit(w.ana, `{"msg":1}`)
	if u := w.user(w.ana, "ana"); u.MaxDevices != 2 || u.Waiting != 1 {
		t.Errorf("ana sees %+v", u)
	}
	w.refused(w.do(w.bob, "GET", "/users/ana", nil), 404, api.CodeNotFound)
	var answer struct{ Users []api.User }
	w.ok(w.do(w.bob, "GET", "/users", nil), 200, &answer)
	if len(answer.Users) != 1 || answer.Users[0].Name != "bob" {
		t.Errorf("bob lists %+v", answer.Users)
	}
	w.ok(w.do(w.admin, "GET", "/users", nil), 200, &answer)
	if len(answer.Users) < 3 {
		t.Errorf("the admin lists %+v", answer.Users)
	}
}

// TestBadLimits: a line for each, and nothing is changed.
func TestBadLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set("ana", `{"max_devices":3}`)
	for body, want := range map[string]struct {
		status  int
		code    api.Code
		pointer string
	}{
		`{"max_devices":-1}`:     {422, api.CodeInvalidField, "/max_devices"},
		`{"max_devices":0}`:      {422, api.CodeInvalidField, "/max_devices"},
		`{"max_devices":1.5}`:    {422, api.CodeInvalidField, "/max_devices"},
		`{"max_devices":"two"}`:  {422, api.CodeInvalidField, "/max_devices"},
		`{"max_devices":200000}`: {422, api.CodeInvalidField, ""},
		`{"max_queued":0}`:       {422, api.CodeInvalidField, "/max_queued"},
		`{"max_timeout":"0s"}`:   {422, api.CodeInvalidField, "/max_timeout"},
		`{"max_timeout":"1.5s"}`: {422, api.CodeInvalidField, "/max_timeout"},
		`{"max_timeout":"-2h"}`:  {422, api.CodeInvalidField, "/max_timeout"},
		`{"max_timeout":7200}`:   {422, api.CodeInvalidField, "/max_timeout"},
		`{"unix":"-rf"}`:         {422, api.CodeInvalidField, ""},
		`{"unix":"a/b"}`:         {422, api.CodeInvalidField, ""},
		`{"unix":""}`:            {422, api.CodeInvalidField, "/unix"},
		`{"max_gpus":1}`:         {400, "unknown-field", "/max_gpus"},
		`{"max_devices":1`:       {400, "bad-json", ""},
	} {
		p := w.refused(w.do(w.admin, "PATCH", "/users/ana", body), want.status, want.code)
		if want.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != want.pointer) {
			t.Errorf("%s: errors %+v", body, p.Errors)
		}
	}
	if u := w.user(w.admin, "ana"); u.MaxDevices != 3 || u.MaxQueued != 0 || u.Unix != "" {
		t.Errorf("something was changed: %+v", u)
	}
	w.refused(w.do(w.admin, "PATCH", "/users/nobody", `{"max_devices":1}`), 404, api.CodeNotFound)
	w.refused(w.do(w.admin, "PUT", "/users/a%20b", `{"max_devices":1}`, asJSON), 422, api.CodeInvalidField)
	w.refused(w.do(w.admin, "DELETE", "/users/nobody", nil), 404, api.CodeNotFound)
	w.refused(w.do(w.admin, "DELETE", "/users/ana?cancel=yes", nil), 400, api.CodeBadRequest)
}

// TestLimitsOfSubmits: what a user may not have is refused with the limit; their
// own limit of time holds where it is lower than the server's, and binds their jobs' jobs too.
func TestLimitsOfSubmits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.DefaultTimeout, o.MaxTimeout = 24*time.Hour, 7*24*time.Hour })
	w.join()
	for _, c := range []struct {
		limits, body, says string
		status             int
	}{
		{`{"max_devices":1}`, `{"msg":1,"gpus":2}`, "gpus: 2 asked for, and ana may hold at most 1 at once", 422},
		{`{"max_timeout":"2h"}`, `{"msg":1,"timeout":"3h"}`, "timeout: 3h is above the limit of 2h (your maximum)", 422},
		{`{"max_timeout":"30d"}`, `{"msg":1,"timeout":"8d"}`, "timeout: 8d is above the limit of 7d (the server's maximum)", 422},
	} {
		w.set("ana", c.limits)
		if p := w.do(w.ana, "POST", "/jobs", c.body).problem(t); p.Status != c.status || p.Detail != c.says {
			t.Errorf("%s under %s: %d %q", c.body, c.limits, p.Status, p.Detail)
		}
	}
	for _, c := range []struct {
		limits string
		want   float64
		from   string
	}{{`{"max_timeout":"2h"}`, 7200, "user-max"}, {`{"max_timeout":null}`, 24 * 3600, "server-default"}} {
		w.set("ana", c.limits)
		id := w.submit(w.ana, `{"msg":1}`)
		if j := w.job(w.ana, id); j.TimeoutSeconds != c.want || j.TimeoutFrom != c.from {
			t.Errorf("under %s: %v s of %s", c.limits, j.TimeoutSeconds, j.TimeoutFrom)
		}
	}
	l := w.start(w.submit(w.ana, `{"msg":1}`), 0)
	w.set("ana", `{"max_timeout":"1h"}`)
	w.refused(w.do(l.token, "POST", "/jobs", `{"msg":1,"timeout":"2h"}`), 422, api.CodeInvalidField)
	w.set("ana", `{"max_queued":1}`)
	w.refused(w.do(l.token, "POST", "/jobs", `{"msg":1,"timeout":"1h"}`), 429, api.CodeQuota)
}

// TestRemoveUser: refused while jobs have not ended; tokens go with the user.
func TestRemoveUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waits, ended := w.submit(w.ana, `{"msg":1}`), w.submit(w.ana, `{"msg":2}`)
	w.ok(w.do(w.ana, "DELETE", path(ended, ""), nil), 200, nil)
	p := w.refused(w.do(w.admin, "DELETE", "/users/ana", nil), 409, api.CodeInUse)
	if !strings.Contains(p.Detail, "ana has jobs: 1 waiting, and 0 devices held") {
		t.Errorf("it says %q", p.Detail)
	}
	l := w.start(w.submit(w.ana, `{"msg":3}`), 0)
	if p := w.refused(w.do(w.admin, "DELETE", "/users/ana", nil), 409, api.CodeInUse); !strings.Contains(p.Detail, "1 devices held") {
		t.Errorf("it says %q", p.Detail)
	}
	var done api.RemovedUser
	w.ok(w.do(w.admin, "DELETE", "/users/ana?cancel=true", nil), 200, &done)
	if done.Tokens != 1 || len(done.Cancelled) != 2 {
		t.Errorf("removed: %+v", done)
	}
	w.refused(w.do(w.ana, "GET", "/jobs", nil), 401, api.CodeUnauthorized)
	w.refused(w.do(w.admin, "GET", "/users/ana", nil), 404, api.CodeNotFound)
	if j := w.job(w.admin, ended); j.User != "ana" {
		t.Errorf("an ended job is %+v", j)
	}
	if j := w.job(w.admin, waits); j.State != scheduler.Cancelled {
		t.Errorf("the waiting job is %s", j.State)
	}
	if j := w.job(w.admin, l.ref.Job); !j.CancelRequested {
		t.Error("the running job was not told to stop")
	}
	w.refused(w.do(w.admin, "DELETE", "/users/root", nil), 409, api.CodeInUse)
}
