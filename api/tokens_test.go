package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/token"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unknown, _ := token.New("user")
	expired, _, err := w.tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser, Expires: time.Nanosecond})
	must(t, err)
	revoked, kept, err := w.tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
	must(t, err)
	w.ok(w.do(revoked, "GET", "/jobs", nil), 200, nil)
	if a := w.do(w.admin, "DELETE", "/tokens/"+kept.ID, nil); a.status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", a.status, a.body)
	}
	bodies := map[string]bool{}
	for name, authorization := range map[string]string{
		"none": "", "malformed": "Bearer x", "unknown": "Bearer " + unknown, "expired": "Bearer " + expired, "revoked": "Bearer " + revoked,
		"other scheme": "Basic " + w.ana, "typo": "Bearer " + w.ana[:len(w.ana)-1], "attempt": "Bearer " + token.Attempt(1, 1, token.NewSecret()),
		"huge": "Bearer " + strings.Repeat("mlq_", 1000), "twice": "Bearer " + w.ana + " " + w.ana,
	} {
		a := w.do("", "GET", "/jobs", nil, header{"Authorization", authorization})
		p := w.refused(a, 401, api.CodeUnauthorized)
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, a.header.Get("WWW-Authenticate"))
		}
		bodies[strings.Replace(string(a.body), p.RequestID, "", 1)] = true
	}
	if len(bodies) != 1 {
		t.Errorf("the answers tell what was wrong with the token: %v", bodies)
	}
}

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestTokenInURL(t *testing.T) {
	t.Parallel()
	log := &logged{}
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(log).Level(zerolog.TraceLevel) })
	for _, query := range []string{"token=" + w.ana, "access_token=x", "x=1&Token=2", "name=" + w.ana, "%74oken=x", "x=%6dlq_user_a"} {
		a := w.do(w.ana, "GET", "/jobs?"+query, nil)
		w.refused(a, 400, api.CodeTokenInURL)
		if strings.Contains(string(a.body), w.ana) {
			t.Error("the token came back in the answer")
		}
	}
	if text := log.String(); !strings.Contains(text, "token-in-url") || strings.Contains(text, w.ana) || strings.Contains(text, "access_token") {
		t.Errorf("the log reads %s", text)
	}
}

// TestEveryRouteNeedsAToken walks the routes; only the public ones answer
// somebody unknown.
func TestEveryRouteNeedsAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public := map[string]bool{"/healthz": true, "/readyz": true, "/openapi.yaml": true, "/join": true, "/": true, "/web/{file}": true, "/client/": true, "/client/{wheel}": true}
	seen := 0
	for _, r := range w.api.Routes() {
		seen++
		target := strings.NewReplacer("{id}", "1", "{ext}", "png", "*", "a", "{n}", "1", "{job}", "1", "{host}", "h", "{uuid}", "u",
			"{sha256}", strings.Repeat("a", 64)).Replace(r.Pattern)
		a := w.do("", r.Method, target, nil)
		if public[r.Pattern] {
			if a.status == http.StatusUnauthorized {
				t.Errorf("%s %s wants a token", r.Method, r.Pattern)
			}
			continue
		}
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s %s answers %d without a token", r.Method, r.Pattern, a.status)
		}
	}
	if seen < 35 {
		t.Errorf("only %d routes were walked", seen)
	}
	w.refused(w.do("", "GET", "/nothing/here", nil), 401, api.CodeUnauthorized)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := strings.Repeat("a", 64)
	for _, c := range []struct {
		method, path                         string
		user, agent, metrics, attempt, admin bool
	}{
		{"POST", "/jobs", true, false, false, true, true},
		{"GET", "/jobs", true, false, false, true, true},
		{"GET", "/jobs/count", true, false, true, true, true},
		{"GET", "/consumer", true, false, false, true, true}, // an agent where it has a job of the user: TestConsumer
		{"GET", "/leases", false, false, false, false, true},
		{"DELETE", "/leases/1", false, false, false, false, true},
		{"GET", "/hosts", true, true, false, false, true},
		{"POST", "/hosts/h/drain", false, false, false, false, true},
		{"POST", "/hosts/h/forget", false, false, false, false, true},
		{"POST", "/gpus/u/undrain", false, false, false, false, true},
		{"POST", "/agents/host/idle", false, true, false, false, true},
		{"GET", "/agents/host", false, true, false, false, true},
		{"GET", "/queue", true, true, false, false, true},
		{"GET", "/blobs/" + sum, false, true, false, false, true},
		{"PUT", "/jobs/1/attempts/1/log?fence=1", false, true, false, false, true},
		{"GET", "/jobs/1/attempts/1/secrets?fence=1", false, true, false, false, true},
		{"GET", "/secrets", true, false, false, false, true},
		{"PUT", "/secrets/A", true, false, false, false, true},
		{"DELETE", "/secrets/A", true, false, false, false, true},
		{"GET", "/tokens", false, false, false, false, true},
		{"GET", "/audit", false, false, false, false, true},
		{"POST", "/tokens", false, false, false, false, true},
		{"POST", "/hosts", false, false, false, false, true},
		{"DELETE", "/hosts/h", false, false, false, false, true},
		{"GET", "/whoami", true, true, true, true, true},
		{"GET", "/users", true, false, false, true, true},
		{"PATCH", "/users/ana", false, false, false, false, true},
		{"PUT", "/users/ana", false, false, false, false, true},
		{"DELETE", "/users/nobody", false, false, false, false, true},
		{"GET", "/metrics", false, false, true, false, true},
	} {
		attempt := w.start(w.submit(w.ana, `{"msg":1}`), 0)
		for token, allowed := range map[string]bool{
			w.ana: c.user, w.agent: c.agent, w.prom: c.metrics, attempt.token: c.attempt, w.admin: c.admin,
		} {
			a := w.do(token, c.method, c.path, "{}")
			if (a.status != http.StatusForbidden) != allowed {
				t.Errorf("%s %s with %.12s…: %d", c.method, c.path, token, a.status)
			}
		}
		attempt.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	}
}

func TestAttemptToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.submit(w.ana, `{"msg":1}`)
	l := w.start(parent, 0)
	child := w.submit(l.token, `{"msg":2}`)
	if j := w.job(l.token, child); j.User != "ana" {
		t.Errorf("the child belongs to %s", j.User)
	}
	other := w.submit(w.bob, `{"msg":1}`)
	w.refused(w.do(l.token, "GET", path(other, ""), nil), 404, api.CodeNotFound)
	forged := token.Attempt(int64(parent), l.n, token.NewSecret())
	w.refused(w.do(forged, "GET", "/jobs", nil), 401, api.CodeUnauthorized)
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.refused(w.do(l.token, "GET", "/jobs", nil), 401, api.CodeUnauthorized)
}

func TestTokenManagement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made api.Token
	w.ok(w.do(w.admin, "POST", "/tokens", `{"user":"eve","role":"user","unix":"eve","expires":"90d"}`), 201, &made)
	if made.Text == "" || time.Until(made.Expires) < 89*24*time.Hour {
		t.Errorf("made %+v", made)
	}
	w.submit(made.Text, `{"msg":1}`)
	a := w.do(w.admin, "GET", "/tokens", nil)
	if !strings.Contains(string(a.body), made.ID) || strings.Contains(string(a.body), made.Text) {
		t.Errorf("the list reads %s", a.body)
	}
	if a = w.do(w.admin, "GET", "/users", nil); !strings.Contains(string(a.body), `"unix":"eve"`) {
		t.Errorf("the users read %s", a.body)
	}
	for body, code := range map[string]api.Code{
		`{"user":"eve","role":"god"}`:      api.CodeInvalidField,
		`{"user":"e ve"}`:                  api.CodeInvalidField,
		`{"role":"user"}`:                  api.CodeInvalidField,
		`{"user":"eve","expires":"never"}`: api.CodeInvalidField,
		`{"user":"eve","colour":"red"}`:    "unknown-field",
		`{"user":"eve"`:                    "bad-json",
		`{"user":"eve","user":"ana"}`:      "duplicate-field",
		`{"user":1}`:                       api.CodeInvalidField,
		`{"user":"../eve"}`:                api.CodeInvalidField,
	} {
		if p := w.do(w.admin, "POST", "/tokens", body).problem(t); p.Code != code {
			t.Errorf("%s: %s", body, p.Code)
		}
	}
	w.refused(w.do(w.admin, "DELETE", "/tokens/nothing", nil), 404, api.CodeNotFound)
}
