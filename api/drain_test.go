package api_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestDrainDeadline: users are told of the deadline in the job, its events and
// the lists; what still runs then is stopped, and the job says who and why.
func TestDrainDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0)
	events := w.stream(path(id, "/events"))
	var done api.Drained
	w.ok(w.do(w.admin, "POST", "/hosts/node1/drain?deadline=2s&reason=new+driver", nil), 200, &done)
	if done.Deadline == nil || time.Until(*done.Deadline) > 2*time.Second {
		t.Fatalf("answered %+v", done)
	}
	events.want(t, `"what":"node1","by":"root: new driver","then":"requeue"`)
	j := w.job(w.ana, id)
	if j.Closing == nil || !j.Closing.At.Equal(*done.Deadline) || j.Lease == nil || !j.Lease.EndsBy.Equal(*done.Deadline) {
		t.Errorf("the job says %+v, %+v", j.Closing, j.Lease)
	}
	var hosts struct{ Hosts []api.Host }
	w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
	h := hosts.Hosts[0]
	if h.DrainDeadline == nil || h.Devices[0].DrainDeadline == nil || h.Devices[0].DrainedBy != "root: new driver" || !h.Devices[0].EndsBy.Equal(*done.Deadline) {
		t.Errorf("the host says %+v", h)
	}
	events.want(t, "told to stop and to wait again by root: new driver (node1 is closed)")
	if j := w.job(w.ana, id); j.CancelThen != "requeue" || j.CancelBy != "root: new driver (node1 is closed)" {
		t.Errorf("the job says %q, %q", j.CancelThen, j.CancelBy)
	}
}

// TestDrainRefuses: a deadline that is none closes nothing.
func TestDrainRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	past := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for query, status := range map[string]int{
		"deadline=soon&reason=why": 400, "deadline=0&reason=why": 400, "deadline=-2h&reason=why": 400, "deadline=&reason=why": 400,
		"deadline=2h": 400, "deadline=2h&reason=": 400, "deadline=2h&reason=why&then=forget": 400, "then=cancel&reason=why": 400,
		"deadlin=2h&reason=why": 400, "deadline=" + past + "&reason=why": 422,
	} {
		for _, target := range []string{"/hosts/node1/drain?", "/gpus/CPU-1/drain?"} {
			code := api.CodeBadRequest
			if status == 422 {
				code = api.CodeInvalidField
			}
			w.refused(w.do(w.admin, "POST", target+query, nil), status, code)
		}
	}
	w.refused(w.do(w.ana, "POST", "/hosts/node1/drain", nil), 403, api.CodeForbidden)
	w.refused(w.do(w.admin, "POST", "/hosts/node1/undrain?deadline=2h", nil), 400, api.CodeBadRequest)
	var hosts struct{ Hosts []api.Host }
	w.ok(w.do(w.admin, "GET", "/hosts", nil), 200, &hosts)
	if h := hosts.Hosts[0]; h.State != "ok" || len(h.DrainedDevices) > 0 {
		t.Errorf("something was closed: %+v", h)
	}
}
