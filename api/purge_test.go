package api_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func (w *world) purge(token, query string) (p api.Purged) {
	w.Helper()
	w.ok(w.do(token, "POST", "/purge?"+query, nil), 200, &p)
	return p
}

// TestPurge: only what ended so long ago, one's own, and what was counted.
func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ended := w.submit(w.ana, `{"msg":1,"name":"old"}`)
	l := w.start(ended, 0)
	w.ok(l.put(0, strings.Repeat("x", 1000)), 200, nil)
	_, err := w.sched.Finish(t.Context(), l.ref, scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Detail: "no"})
	must(t, err)
	waits, bobs := w.submit(w.ana, `{"msg":1}`), w.submit(w.bob, `{"msg":1}`)
	w.ok(w.do(w.bob, "DELETE", path(bobs, ""), nil), 200, nil)
	if p := w.purge(w.admin, "older=1h"); p.Jobs != 0 {
		t.Errorf("forgot what ended just now: %+v", p)
	}
	if p := w.purge(w.ana, "older=0.000001&dry_run=1"); p.Jobs != 1 || p.Bytes != 1000 {
		t.Errorf("a dry run of ana's: %+v", p)
	}
	if p := w.purge(w.ana, "older=0.000001&state=succeeded"); p.Jobs != 0 {
		t.Errorf("forgot others than asked for: %+v", p)
	}
	w.job(w.ana, ended)
	if p := w.purge(w.ana, "older=0.000001&name=old"); p.Jobs != 1 || p.Bytes != 1000 {
		t.Errorf("ana's: %+v", p)
	}
	w.refused(w.do(w.ana, "GET", path(ended, ""), nil), 404, api.CodeNotFound)
	w.job(w.ana, waits)
	w.job(w.bob, bobs)
	if p := w.purge(w.admin, "older=0.000001"); p.Jobs != 1 {
		t.Errorf("the admin's: %+v", p)
	}
	w.refused(w.do(w.bob, "GET", path(bobs, ""), nil), 404, api.CodeNotFound)
}

// TestPurgeRefuses: nothing is forgotten by a slip.
func TestPurgeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	for _, query := range []string{
		"", "older=", "older=0", "older=-1h", "older=soon", "older=1h&state=running", "older=1h&dry_run=perhaps", "older=1h&colour=red", "older=1h&older=2h",
	} {
		w.refused(w.do(w.ana, "POST", "/purge?"+query, nil), 400, api.CodeBadRequest)
	}
	w.refused(w.do(w.bob, "POST", "/purge?older=0.000001&user=ana", nil), 403, api.CodeForbidden)
	w.job(w.ana, id)
}
