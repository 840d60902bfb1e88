package api_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
)

// TestEachOrderAboutJobsIsAudited walks the table of routes: what changes a job that is there,
// and is not an agent's, leaves an entry when an admin asks for it.
func TestEachOrderAboutJobsIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	placeholder := regexp.MustCompile(`\{[a-z0-9]+\}`)
	for _, r := range w.api.Routes() {
		submits := r.Method == "POST" && (r.Pattern == "/jobs" || r.Pattern == "/jobs/batch")
		if r.Method == "GET" || submits || !strings.HasPrefix(r.Pattern, "/jobs") && r.Pattern != "/purge" || strings.HasSuffix(r.Pattern, "/log") {
			continue
		}
		path := placeholder.ReplaceAllString(r.Pattern, "77")
		w.do(w.admin, r.Method, path, "{}", asJSON)
		if list := w.audited(); len(list) == 0 || list[0].Method != r.Method || list[0].Path != path {
			t.Errorf("%s %s is not noted", r.Method, r.Pattern)
		}
	}
}

// TestPastedTokens: the text of a token in the place of its id, or anywhere else, is in no log and
// no entry; and the token that was meant is revoked.
func TestPastedTokens(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(&log) })
	text := w.token("eve", auth.RoleUser)
	parts := strings.Split(text, "_")
	a := w.do(w.admin, "DELETE", "/tokens/"+text, nil)
	w.ok(a, 204, nil)
	w.refused(w.do(text, "GET", "/jobs", nil), 401, api.CodeUnauthorized)
	w.do(w.admin, "DELETE", "/tokens/"+text[:len(text)-1], nil)
	w.do(w.admin, "POST", "/tokens", `{"user":"`+text+`"}`)
	w.do(w.admin, "POST", "/hosts/h/drain", `{"user":"`+strings.Repeat(" ", 460)+text+`"}`)
	w.do(w.ana, "DELETE", "/tokens/"+text, nil)
	list := w.audited()
	if len(list) != 4 || list[3].Path != "/tokens/mlq_user_"+parts[2]+"_…" || list[1].Body != `{"user":"mlq_user_`+parts[2]+`_…"}` {
		t.Errorf("%+v", list)
	}
	for _, e := range list {
		if strings.Contains(e.Path+e.Query+e.Body, parts[3][:8]) {
			t.Errorf("a token is in %+v", e)
		}
	}
	if strings.Contains(log.String(), parts[3][:8]) {
		t.Errorf("a token is in the log: %s", log.String())
	}
	if got := token.Redact("of " + token.Attempt(53, 1, token.NewSecret()) + ", "); got != "of mlq_attempt_53_…, " {
		t.Error(got)
	}
}

// TestRefusedOrdersAreLogged: who wanted to do what only admins may is in the log as a warning, and
// fills no log with it.
func TestRefusedOrdersAreLogged(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(&log).Level(zerolog.InfoLevel) })
	w.do(w.ana, "GET", "/tokens", nil)
	if text := log.String(); text != "" && strings.Contains(text, "refused what only admins may do") {
		t.Errorf("of a reading: %s", text)
	}
	for range 30 {
		w.do(w.ana, "POST", "/hosts/h/drain", nil)
	}
	w.do(w.bob, "DELETE", "/leases/1", nil)
	text := log.String()
	if n := strings.Count(text, `"message":"refused what only admins may do"`); n < 11 || n > 13 {
		t.Errorf("%d lines: %s", n, text)
	}
	for _, want := range []string{`"level":"warn"`, `"user":"ana"`, `"user":"bob"`, `"path":"/leases/1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestPanicIsAudited: with the status that its caller has.
func TestPanicIsAudited(t *testing.T) {
	t.Parallel()
	w, st := faultyWorld(t)
	w.do(w.admin, "GET", "/whoami", nil)
	st.meet(func(keys []string) error {
		for _, key := range keys {
			if strings.HasPrefix(key, "auth:token") {
				panic(errors.New("boom"))
			}
		}
		return nil
	})
	a := w.do(w.admin, "DELETE", "/tokens/0123456789", nil)
	st.meet(nil)
	if list := w.audited(); a.status != 500 || len(list) != 1 || list[0].Status != 500 {
		t.Errorf("answered %d, noted as %+v", a.status, list)
	}
}
