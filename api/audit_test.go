package api_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/audit"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

func (w *world) audited() []audit.Entry {
	w.Helper()
	var page api.AuditPage
	w.ok(w.do(w.admin, "GET", "/audit?limit=1000", nil), 200, &page)
	return page.Entries
}

// TestEachOrderIsAudited walks the table of routes: what only admins may do, and is
// no reading, leaves an entry, done or not.
func TestEachOrderIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	placeholder := regexp.MustCompile(`\{[a-z0-9]+\}`)
	walked := 0
	for _, r := range w.api.Routes() {
		path := placeholder.ReplaceAllString(r.Pattern, "77")
		if r.Method == "GET" || !strings.Contains(string(w.do(w.ana, r.Method, path, "{}").body), "a token of the role admin") {
			continue
		}
		walked++
		a := w.do(w.admin, r.Method, path, "{}")
		e := w.audited()[0]
		if e.Method != r.Method || e.Path != path || e.Query != "" || e.Status != a.status || e.User != "root" ||
			e.Token == "" || e.Address != "127.0.0.1" || e.Request != a.header.Get("X-Request-ID") || e.At.IsZero() {
			t.Errorf("%s %s, answered %d, is noted as %+v", r.Method, path, a.status, e)
		}
	}
	if walked < 15 {
		t.Errorf("only %d routes were walked", walked)
	}
}

// TestAuditOfOthersJobs: what an admin does to a user's job is noted, what users do
// and are refused is not: nobody can push entries out.
func TestAuditOfOthersJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	path := "/jobs/" + idText(id)
	w.do(w.bob, "DELETE", path, nil)
	w.do(w.ana, "POST", "/hosts/h/drain", nil)
	w.do(w.agent, "DELETE", "/leases/1", nil)
	if list := w.audited(); len(list) != 0 {
		t.Fatalf("%+v", list)
	}
	w.do(w.admin, "DELETE", path, nil)
	w.do(w.admin, "GET", path, nil)
	w.do(w.admin, "POST", "/hosts/h/drain?reason=new+driver", nil)
	list := w.audited()
	if len(list) != 2 || list[0].Query != "reason=new+driver" {
		t.Fatalf("%+v", list)
	}
	if list = list[1:]; list[0].Method != "DELETE" || list[0].Path != path || list[0].Status != 200 {
		t.Fatalf("%+v", list)
	}
	w.refused(w.do(w.ana, "GET", "/audit", nil), 403, api.CodeForbidden)
	w.refused(w.do(w.admin, "GET", "/audit?before=x", nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.admin, "GET", "/audit?user=x", nil), 400, api.CodeBadRequest)
}

// TestAuditHasValuesAndNoSecrets: what was ordered can be read, and no token or join
// code is in an entry or in the log.
func TestAuditHasValuesAndNoSecrets(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(&log) })
	var made api.Token
	w.ok(w.do(w.admin, "POST", "/tokens", `{"user":"eve","role":"user"}`), 201, &made)
	w.ok(w.do(w.admin, "PUT", "/users/eve", `{"max_queued":7}`, asJSON), 200, nil)
	admitted := w.addHost("gpu9")
	own, _ := token.New("agent")
	w.ok(w.joinAs(admitted.Code, own), 200, nil)
	list := w.audited()
	if len(list) != 4 || list[0].User != "gpu9" || list[0].Path != "/join" || !strings.Contains(list[1].Body, "gpu9") || !strings.Contains(list[2].Body, `"max_queued":7`) || !strings.Contains(list[3].Body, "eve") {
		t.Fatalf("%+v", list)
	}
	for _, secret := range []string{made.Text, admitted.Code, own} {
		for _, e := range list {
			if strings.Contains(e.Body+e.Query+e.Path, secret) {
				t.Errorf("a secret is in %+v", e)
			}
		}
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a secret: %s", log.String())
		}
	}
	if n := strings.Count(log.String(), `"message":"audit"`); n != 4 {
		t.Errorf("the log has %d orders", n)
	}
}

// TestAuditWithoutEntries: what somebody wrote into the store's log hides no order: the others are
// shown, the answer says how much was left out, and the server's log that somebody writes to the store.
func TestAuditWithoutEntries(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(&log) })
	w.do(w.admin, "POST", "/hosts/h/drain?reason=new+driver", nil)
	a, err := w.st.Read(t.Context(), store.Query{})
	must(t, err)
	_, err = w.st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Index("auth:audit", []byte("zz"))}})
	must(t, err)
	var page api.AuditPage
	w.ok(w.do(w.admin, "GET", "/audit", nil), 200, &page)
	if len(page.Entries) != 1 || page.Entries[0].Path != "/hosts/h/drain" || page.LeftOut != 1 {
		t.Errorf("%+v", page)
	}
	if !strings.Contains(log.String(), `"left_out":1`) {
		t.Errorf("the log says %s", log.String())
	}
}
