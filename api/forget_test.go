package api_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// TestForgetHost: only what is gone is forgotten, and only by an admin.
func TestForgetHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	p := w.refused(w.do(w.admin, "POST", "/hosts/node1/forget", nil), 409, "host-alive")
	if !strings.Contains(p.Detail, "node1 was heard of") {
		t.Errorf("it says %q", p.Detail)
	}
	w.refused(w.do(w.admin, "POST", "/hosts/node9/forget", nil), 404, "unknown-host")
	w.refused(w.do(w.ana, "POST", "/hosts/node1/forget", nil), 403, api.CodeForbidden)
	w.refused(w.do(w.agent, "POST", "/hosts/node1/forget", nil), 403, api.CodeForbidden)
}

// TestForgetWhoIsGone: an hour after its last word a host can be forgotten, and is listed no more.
func TestForgetWhoIsGone(t *testing.T) {
	t.Parallel()
	var later atomic.Int64 // seconds
	clock := func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Second) }
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	w := worldOn(t, sim.NewStore("store", clock), blobs)
	w.join()
	later.Store(3600)
	var done api.ForgottenHost
	w.ok(w.do(w.admin, "POST", "/hosts/node1/forget", nil), 200, &done)
	if done.Host != "node1" {
		t.Errorf("forgot %+v", done)
	}
	w.refused(w.do(w.admin, "POST", "/hosts/node1/forget", nil), 404, "unknown-host")
}

// TestFirstInventory: before the first host everything is taken; then what it
// cannot run is refused, with what there is.
func TestFirstInventory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"gpus":8,"gpu_type":"h100"}`)
	var why api.Why
	w.ok(w.do(w.ana, "GET", path(id, "/why"), nil), 200, &why)
	if why.Reasons[0].Code != "no-host" {
		t.Errorf("why: %+v", why)
	}
	w.join()
	p := w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1,"gpu_mem":"40GB"}`), 422, api.CodeUnsatisfiable)
	if !strings.Contains(p.Detail, "the CPU slots of node1 stand in for one") {
		t.Errorf("it says %q", p.Detail)
	}
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1,"gpus":8,"gpu_type":"h100"}`), 422, api.CodeUnsatisfiable)
	w.ok(w.do(w.ana, "GET", path(id, "/why"), nil), 200, &why)
	if why.Reasons[0].Code != "unsatisfiable" {
		t.Errorf("why: %+v", why)
	}
}
