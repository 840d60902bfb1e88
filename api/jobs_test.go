package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestListAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.submit(w.ana, fmt.Sprintf(`{"msg":%d,"name":"n%d"}`, i, i%2))
	}
	w.submit(w.bob, `{"msg":1}`)
	list := func(token, query string) (ids []scheduler.JobID, next string) {
		var page api.Page
		w.ok(w.do(token, "GET", "/jobs"+query, nil), 200, &page)
		for _, j := range page.Jobs {
			ids = append(ids, j.ID)
		}
		return ids, page.Next
	}
	for _, c := range []struct {
		token, query, want string
	}{
		{w.ana, "", "[5 4 3 2 1]"},
		{w.admin, "", "[6 5 4 3 2 1]"},
		{w.admin, "?user=bob", "[6]"},
		{w.ana, "?name=n1", "[4 2]"},
		{w.ana, "?state=running,failed", "[]"},
		{w.ana, "?state=queued&limit=2", "[5 4]"},
		{w.ana, "?before=3", "[2 1]"},
		{w.ana, "?limit=1000000000", "[5 4 3 2 1]"},
	} {
		if ids, _ := list(c.token, c.query); fmt.Sprint(ids) != c.want {
			t.Errorf("%s: got %v, want %s", c.query, ids, c.want)
		}
	}
	var all []scheduler.JobID
	for cursor := "?limit=2"; ; {
		ids, next := list(w.ana, cursor)
		all = append(all, ids...)
		if next == "" {
			break
		}
		cursor = "?limit=2&before=" + next
	}
	if fmt.Sprint(all) != "[5 4 3 2 1]" {
		t.Errorf("pages give %v", all)
	}
	for _, query := range []string{"?before=x", "?before=-1", "?limit=0", "?limit=x", "?state=done", "?colour=red"} {
		w.refused(w.do(w.ana, "GET", "/jobs"+query, nil), 400, api.CodeBadRequest)
	}
	w.refused(w.do(w.ana, "GET", "/jobs?user=bob", nil), 403, api.CodeForbidden)
}

func TestOthersJobsAreUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	for _, c := range []struct{ method, more string }{
		{"GET", ""},
		{"GET", "/progress"},
		{"GET", "/result"},
		{"GET", "/result.png"},
		{"GET", "/short_result"},
		{"GET", "/files"},
		{"GET", "/files/a"},
		{"GET", "/logs"},
		{"GET", "/logs?follow=1"},
		{"GET", "/events"},
		{"GET", "/why"},
		{"DELETE", ""},
		{"POST", "/requeue"},
	} {
		w.refused(w.do(w.bob, c.method, path(id, c.more), nil), 404, api.CodeNotFound)
	}
	var bulk api.Bulk
	w.ok(w.do(w.bob, "DELETE", "/jobs?state=queued", nil), 200, &bulk)
	if len(bulk.Cancelled) != 0 || w.job(w.ana, id).State != scheduler.Queued {
		t.Error("bob cancelled ana's job")
	}
}

func TestBadIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit(w.ana, `{"msg":1}`)
	for _, id := range []string{
		"..%2f..%2fetc", "1%00", "%0d%0a", "01", "+1", "1.0", "-1", "0", "99999999999999999999", strings.Repeat("1", 10_000), "9223372036854775807", "x",
	} {
		w.refused(w.do(w.ana, "GET", "/jobs/"+id, nil), 404, api.CodeNotFound)
		w.refused(w.do(w.ana, "GET", "/jobs/"+id+"/result", nil), 404, api.CodeNotFound)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	var c api.Cancelled
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, &c)
	if c.State != scheduler.Cancelled || c.Already {
		t.Errorf("got %+v", c)
	}
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, &c)
	if !c.Already || c.State != scheduler.Cancelled {
		t.Errorf("the second cancel answered %+v", c)
	}
	w.refused(w.do(w.ana, "GET", path(id, "/result"), nil), 410, api.CodeJobCancelled)
	w.refused(w.do(w.ana, "DELETE", "/jobs/999", nil), 404, api.CodeNotFound)
}

func TestCancelByFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.submit(w.ana, `{"msg":1,"name":"a"}`)
	}
	kept := w.submit(w.ana, `{"msg":1,"name":"b"}`)
	w.refused(w.do(w.ana, "DELETE", "/jobs", nil), 400, api.CodeBadRequest)
	var bulk api.Bulk
	w.ok(w.do(w.ana, "DELETE", "/jobs?name=a", nil), 200, &bulk)
	if len(bulk.Cancelled) != 3 || w.job(w.ana, kept).State != scheduler.Queued {
		t.Errorf("cancelled %v", bulk.Cancelled)
	}
	w.ok(w.do(w.ana, "POST", "/jobs/requeue?state=cancelled", nil), 200, &bulk)
	if len(bulk.Requeued) != 3 {
		t.Errorf("requeued %v", bulk.Requeued)
	}
	w.ok(w.do(w.ana, "DELETE", "/jobs?all=true", nil), 200, &bulk)
	if len(bulk.Cancelled) != 4 {
		t.Errorf("cancelled %v", bulk.Cancelled)
	}
}

// TestFiltersThatSayLess: a filter that is empty or broken must not become "all".
func TestFiltersThatSayLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit(w.ana, `{"msg":1,"name":"a"}`)
	for _, query := range []string{
		"name=", "user=", "state=", "all=", "all=false", "state=queued&name=", "state=queued&name=%zz", "state=queued;name=x",
		"name=x&name=a", "name=a&limit=1", "before=5", "name=a&colour=red",
	} {
		for _, token := range []string{w.ana, w.admin} {
			w.refused(w.do(token, "DELETE", "/jobs?"+query, nil), 400, api.CodeBadRequest)
			w.refused(w.do(token, "POST", "/jobs/requeue?"+query, nil), 400, api.CodeBadRequest)
		}
	}
	if w.count() != 1 {
		t.Error("a filter that says less than nothing cancelled a job")
	}
	if a := w.do(w.ana, "DELETE", "/jobs?name=b", nil); string(a.body) != `{"cancelled":[],"more":false}` {
		t.Errorf("a filter without a job answers %s", a.body)
	}
	w.refused(w.do(w.ana, "GET", "/jobs?all=true", nil), 400, api.CodeBadRequest)
}

func TestRequeue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	w.refused(w.do(w.ana, "POST", path(id, "/requeue"), nil), 409, "not-ended")
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	var next scheduler.JobID
	w.ok(w.do(w.ana, "POST", path(id, "/requeue"), nil), 201, &next)
	if w.job(w.ana, next).RequeueOf != id || w.job(w.ana, id).RequeuedAs != next {
		t.Errorf("jobs %d and %d are not linked", id, next)
	}
}

func TestWhyAndQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	first, second := w.submit(w.ana, `{"msg":1,"name":"secret"}`), w.submit(w.bob, `{"msg":1}`)
	var why api.Why
	w.ok(w.do(w.bob, "GET", path(second, "/why"), nil), 200, &why)
	if why.Position == 0 || len(why.Reasons) == 0 || why.Estimate.Basis == "" {
		t.Errorf("why: %+v", why)
	}
	a := w.do(w.bob, "GET", "/queue", nil)
	if strings.Contains(string(a.body), "secret") || !strings.Contains(string(a.body), `"user":"ana"`) {
		t.Errorf("the queue tells bob %s", a.body)
	}
	if !strings.Contains(string(w.do(w.ana, "GET", "/queue", nil).body), "secret") {
		t.Error("ana does not see her own job's name")
	}
	_ = first
}

func TestWaitForTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	got := make(chan answer, 1)
	go func() { got <- w.do(w.ana, "GET", path(id, "/result?wait=30s"), nil) }()
	l := w.start(id, 0)
	l.succeed(envelope.Header{Value: envelope.ValueText, Short: "done"}, view("done"))
	select {
	case a := <-got:
		if a.status != 200 || string(a.body) != "done" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the waiting request did not end with the job")
	}
}

func TestWaitParameter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxWait = 50 * time.Millisecond })
	id := w.submit(w.ana, `{"msg":1}`)
	for _, bad := range []string{"-1", "soon", "-5s", "NaN"} {
		w.refused(w.do(w.ana, "GET", path(id, "/result?wait="+bad), nil), 400, api.CodeBadRequest)
	}
	a := w.do(w.ana, "GET", path(id, "/result?wait=999999"), nil)
	p := w.refused(a, 404, api.CodeNotFinished)
	if a.header.Get("Retry-After") == "" || p.State != scheduler.Queued || p.Job != id {
		t.Errorf("Retry-After %q, problem %+v", a.header.Get("Retry-After"), p)
	}
	if w.do(w.ana, "GET", path(id, "?wait=1"), nil).status != http.StatusOK {
		t.Error("a job that goes on is no error")
	}
}
