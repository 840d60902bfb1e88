package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/token"
)

func (w *world) addHost(name string) api.Admission {
	w.Helper()
	var a api.Admission
	w.ok(w.do(w.admin, "POST", "/hosts", `{"host":"`+name+`"}`), http.StatusCreated, &a)
	return a
}

// joinAs asks to join with a code and a token of the machine's own.
func (w *world) joinAs(code, own string) answer {
	w.Helper()
	return w.do("", "POST", "/join", `{"code":"`+code+`","token":"`+own+`"}`)
}

func agentToken() string {
	text, _ := token.New(string(auth.RoleAgent))
	return text
}

func TestHostJoinsAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.do(w.admin, "DELETE", "/hosts/node1", nil), http.StatusOK, nil) // this world has its token already
	own, admission := agentToken(), w.addHost("node1")
	if admission.URL != "" {
		t.Errorf("a server without --public-url names itself %s", admission.URL)
	}
	for range 2 { // the second is a repeat
		var joined api.Joined
		w.ok(w.joinAs(admission.Code, own), http.StatusOK, &joined)
		if joined.Host != "node1" {
			t.Errorf("joined as %q", joined.Host)
		}
	}
	var who api.Whoami
	w.ok(w.do(own, "GET", "/whoami", nil), http.StatusOK, &who)
	if who.User != "node1" || who.Role != auth.RoleAgent || who.Version != "test" {
		t.Errorf("it is %+v", who)
	}
	if a := w.do(w.admin, "GET", "/users", nil); strings.Contains(string(a.body), "node1") {
		t.Errorf("a host is among the users: %s", a.body)
	}
	w.refused(w.joinAs(admission.Code, agentToken()), 409, "code-used")
	w.refused(w.do(w.admin, "POST", "/hosts", `{"host":"node1"}`), 409, "host-taken")

	l := w.start(w.submit(w.ana, `{"msg":1}`), 0) // an agent node1 works
	p := w.refused(w.do(w.admin, "DELETE", "/hosts/node1", nil), 409, "host-busy")
	if !strings.Contains(p.Detail, "job 1;") {
		t.Errorf("which jobs run there: %s", p.Detail)
	}
	w.refused(w.do(w.admin, "DELETE", "/hosts/node1?force=1", nil), 400, api.CodeBadRequest)
	var gone api.Removed
	w.ok(w.do(w.admin, "DELETE", "/hosts/node1?force=true", nil), http.StatusOK, &gone)
	if len(gone.Tokens) != 1 || len(gone.Jobs) != 1 || gone.Jobs[0] != l.ref.Job {
		t.Errorf("removed %+v", gone)
	}
	w.refused(w.do(own, "GET", "/whoami", nil), 401, api.CodeUnauthorized)
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.refused(w.do(w.admin, "DELETE", "/hosts/node1", nil), 404, "unknown-host")
}

// TestNameOfALivingAgent: neither is a code made for it, nor does one let in.
func TestNameOfALivingAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.do(w.admin, "DELETE", "/hosts/node1", nil), http.StatusOK, nil) // this world has its token already
	admission := w.addHost("node1")
	w.join()
	w.refused(w.do(w.admin, "POST", "/hosts", `{"host":"node1"}`), 409, "host-taken")
	w.refused(w.joinAs(admission.Code, agentToken()), 409, "host-taken")
}

func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admission := w.addHost("gpu1")
	w.refused(w.joinAs("gpu1:wrong", agentToken()), 403, "bad-code")
	w.refused(w.joinAs("gpu2:wrong", agentToken()), 403, "bad-code")
	w.refused(w.joinAs(admission.Code, "secret"), 422, api.CodeInvalidField)
	for body, code := range map[string]api.Code{
		`{"code":"x"}`: api.CodeInvalidField, `{"code":1,"token":"x"}`: api.CodeInvalidField, `{"host":"x"}`: "unknown-field", `{`: "bad-json",
		`{"code":"` + strings.Repeat("x", 5000) + `"}`: api.CodeTooLarge,
	} {
		if p := w.do("", "POST", "/join", body).problem(t); p.Code != code {
			t.Errorf("%.40s: %s", body, p.Code)
		}
	}
	w.refused(w.do(w.admin, "POST", "/hosts", `{"host":"a b"}`), 422, api.CodeInvalidField)
}

// TestJoinIsLimited: whoever has no token does not keep the store busy.
func TestJoinIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 100 {
		a := w.joinAs("gpu1:wrong", agentToken())
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Error("without Retry-After")
			}
			return
		}
	}
	t.Error("100 tries in a row were all taken")
}
