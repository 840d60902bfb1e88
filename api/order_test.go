package api_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
)

// TestOrders: each reaches the agent, with who and why for admins and the log,
// and is taken back by its opposite.
func TestOrders(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := cards(t, func(o *api.Options) { o.Log = zerolog.New(zerolog.SyncWriter(&log)) })
	give := func(target string) (done api.Ordered) {
		t.Helper()
		w.ok(w.do(w.admin, "POST", target, nil), 200, &done)
		return done
	}
	give("/gpus/GPU-1/reset-health?reason=new+card")
	give("/gpus/GPU-0/tolerate?memory=500MiB")
	done := give("/hosts/node1/detach?reason=new+driver")
	orders, err := w.sched.Orders(t.Context(), "node1")
	must(t, err)
	if orders.Number != done.Number || orders.Tolerate["GPU-0"] != 500<<20 || orders.Resets["GPU-1"].IsZero() || orders.Detached[""] != "root: new driver" || done.By != "root: new driver" {
		t.Errorf("ordered %+v, answered %+v", orders, done)
	}
	var hosts struct{ Hosts []api.Host }
	w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
	h := hosts.Hosts[0]
	if h.Ordered != done.Number || h.Obeyed != 0 || h.Detached == nil || h.Detached.By != "root: new driver" || h.Detached.At.IsZero() {
		t.Errorf("the host says %+v", h)
	}
	d := h.Devices[0]
	if d.Detached == nil || d.Tolerate == nil || d.Tolerate.By != "root" || h.Devices[1].Tolerate != nil {
		t.Errorf("the device says %+v", d)
	}
	for _, want := range []string{`"order":"reset-health"`, `"by":"root: new card"`, `"order":"tolerate"`, `"by":"root: new driver"`, `"host":"node1"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s", want)
		}
	}
	w.inv.Obeyed = done.Number
	w.report()
	w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
	if hosts.Hosts[0].Obeyed != done.Number {
		t.Errorf("obeyed %d", hosts.Hosts[0].Obeyed)
	}
	give("/hosts/node1/attach")
	give("/gpus/GPU-0/untolerate")
	if d := w.gpus(w.bob).GPUs[0]; d.Detached != nil || d.Tolerate != nil {
		t.Errorf("after it was taken back: %+v", d)
	}
}

// TestOrdersRefuse: what cannot be meant is refused in words.
func TestOrdersRefuse(t *testing.T) {
	t.Parallel()
	w := cards(t)
	for target, want := range map[string]struct {
		status int
		code   api.Code
	}{
		"/gpus/GPU-9/detach":                        {404, "unknown-device"},
		"/hosts/nowhere/detach":                     {404, "unknown-host"},
		"/gpus/GPU-0/reset-health":                  {409, "not-sick"},
		"/gpus/GPU-0/tolerate":                      {400, api.CodeBadRequest},
		"/gpus/GPU-0/tolerate?memory=":              {400, api.CodeBadRequest},
		"/gpus/GPU-0/tolerate?memory=-1":            {400, api.CodeBadRequest},
		"/gpus/GPU-0/tolerate?memory=lots":          {400, api.CodeBadRequest},
		"/gpus/GPU-0/tolerate?memory=81GiB":         {422, api.CodeInvalidField},
		"/gpus/GPU-0/untolerate?memory=1GiB":        {400, api.CodeBadRequest},
		"/gpus/GPU-1/reset-health?reason=%1b[2Jnow": {400, api.CodeBadRequest},
	} {
		w.refused(w.do(w.admin, "POST", target, nil), want.status, want.code)
	}
	for _, target := range []string{"/gpus/GPU-1/reset-health", "/gpus/GPU-0/detach", "/hosts/node1/attach", "/gpus/GPU-0/tolerate?memory=1GiB"} {
		w.refused(w.do(w.ana, "POST", target, nil), 403, api.CodeForbidden)
		w.refused(w.do(w.nodeToken, "POST", target, nil), 403, api.CodeForbidden)
	}
	orders, err := w.sched.Orders(t.Context(), "node1")
	must(t, err)
	if orders.Number != 0 {
		t.Errorf("a refusal left %+v", orders)
	}
}
