package api_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
)

func (w *world) usage(token, query string) api.Usage {
	w.Helper()
	var u api.Usage
	w.ok(w.do(token, "GET", "/usage"+query, nil), 200, &u)
	return u
}

// TestUsageOverHTTP: users see their own, and the sums of devices and hosts.
func TestUsageOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.submit(w.ana, `{"msg":1}`), 0).succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.start(w.submit(w.bob, `{"msg":1}`), 1)
	u := w.usage(w.admin, "")
	if len(u.Usage) != 2 || u.By != "user" || time.Since(u.Since) < 29*24*time.Hour || u.Until.IsZero() {
		t.Errorf("the admin sees %+v", u)
	}
	u = w.usage(w.ana, "?since=1d")
	if len(u.Usage) != 1 || u.Usage[0].User != "ana" || u.Usage[0].Jobs != 1 || u.Usage[0].DeviceSeconds <= 0 {
		t.Errorf("ana sees %+v", u)
	}
	if u = w.usage(w.ana, "?by=host"); len(u.Usage) != 1 || u.Usage[0].Host != "node1" || u.Usage[0].Attempts != 2 || u.Usage[0].Jobs != 1 {
		t.Errorf("ana sees of hosts %+v", u)
	}
	if u = w.usage(w.ana, "?by=device&since=2026-01-01"); len(u.Usage) != 2 || u.Usage[0].Device == "" || u.Usage[0].User != "" {
		t.Errorf("ana sees of devices %+v", u)
	}
	for _, wrong := range []string{"?since=2999-01-01", "?since=yesterday", "?since=-3d", "?by=job", "?from=1d", "?since="} {
		w.refused(w.do(w.ana, "GET", "/usage"+wrong, nil), 400, api.CodeBadRequest)
	}
}
