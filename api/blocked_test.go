package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestBlocked: a job says that it waits, an admin sees it, and the last one that could
// let the other run may not wait for it.
func TestBlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	command := `{"command":["true"]}`
	first, second, bobs := w.start(w.submit(w.ana, command), 0), w.start(w.submit(w.ana, command), 1), w.start(w.submit(w.bob, command), 2)
	want := w.submit(first.token, command)
	on := func(l lease, id scheduler.JobID) answer {
		return w.do(l.token, "PUT", path(l.ref.Job, "/blocked"), fmt.Sprintf(`{"on":%d}`, id), asJSON)
	}
	w.ok(on(first, want), http.StatusNoContent, nil)
	var list struct{ Leases []api.Lease }
	w.ok(w.do(w.admin, "GET", "/leases", nil), http.StatusOK, &list)
	if len(list.Leases) != 3 || list.Leases[0].BlockedOn != want {
		t.Errorf("leases: %+v", list.Leases)
	}
	p := w.refused(on(second, want), http.StatusConflict, "would-deadlock")
	if !strings.Contains(p.Detail, fmt.Sprint("job ", want)) {
		t.Errorf("the refusal reads %q", p.Detail)
	}
	w.ok(w.do(first.token, "DELETE", path(first.ref.Job, "/blocked"), nil), http.StatusNoContent, nil)
	w.ok(on(second, want), http.StatusNoContent, nil)

	w.refused(on(bobs, want), http.StatusNotFound, api.CodeNotFound)
	w.refused(w.do(w.bob, "PUT", path(first.ref.Job, "/blocked"), `{"on":1}`, asJSON), http.StatusNotFound, api.CodeNotFound)
	w.refused(w.do(w.ana, "PUT", path(want, "/blocked"), `{"on":1}`, asJSON), http.StatusConflict, "no-lease")
	w.refused(on(first, 9999), http.StatusNotFound, api.CodeNotFound)
	first.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.refused(w.do(w.ana, "DELETE", path(first.ref.Job, "/blocked"), nil), http.StatusConflict, "no-lease")
}
