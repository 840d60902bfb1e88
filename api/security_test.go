package api_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
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
	public := map[string]bool{"/healthz": true, "/readyz": true, "/openapi.yaml": true}
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
		{"GET", "/consumer", true, true, false, true, true},
		{"GET", "/leases", false, false, false, false, true},
		{"DELETE", "/leases/1", false, false, false, false, true},
		{"GET", "/hosts", true, true, false, false, true},
		{"POST", "/hosts/h/drain", false, false, false, false, true},
		{"POST", "/gpus/u/undrain", false, false, false, false, true},
		{"GET", "/queue", true, true, false, false, true},
		{"GET", "/blobs/" + sum, false, true, false, false, true},
		{"PUT", "/jobs/1/attempts/1/log?fence=1", false, true, false, false, true},
		{"GET", "/tokens", false, false, false, false, true},
		{"POST", "/tokens", false, false, false, false, true},
		{"GET", "/users", false, false, false, false, true},
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
		`{"user":"eve","user":"ana"}`:      "bad-json",
		`{"user":1}`:                       api.CodeInvalidField,
		`{"user":"../eve"}`:                api.CodeInvalidField,
	} {
		if p := w.do(w.admin, "POST", "/tokens", body).problem(t); p.Code != code {
			t.Errorf("%s: %s", body, p.Code)
		}
	}
	w.refused(w.do(w.admin, "DELETE", "/tokens/nothing", nil), 404, api.CodeNotFound)
}

func TestHostHeader(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://mlq.example.org")
	must(t, err)
	for _, dev := range []bool{false, true} {
		w := newWorld(t, func(o *api.Options) { o.Dev, o.PublicURL, o.Hosts = dev, public, []string{"mlq.lan"} })
		w.hosts(t)
	}
}

func (w *world) hosts(t *testing.T) {
	t.Helper()
	for host, allowed := range map[string]bool{
		"localhost:5001": true, "127.0.0.1": true, "[::1]:5001": true, "mlq.example.org": true, "MLQ.lan:80": true,
		"evil.example.com": false, "localhost.evil.com": false, "10.0.0.7": false, "mlq.example.org.evil.com": false,
	} {
		for _, method := range allMethods {
			a := w.do(w.ana, method, "/jobs?name=x", nil, header{"Host", host})
			if allowed == (a.status == http.StatusMisdirectedRequest) {
				t.Errorf("%s %s: %d", method, host, a.status)
			}
			if !allowed && method != "HEAD" {
				w.refused(a, 421, api.CodeWrongHost)
			}
		}
	}
}

var allMethods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{false, true} {
		w := newWorld(t, func(o *api.Options) { o.Dev, o.Origins = dev, []string{"https://lab.example.org"} })
		w.origins(t)
	}
}

func (w *world) origins(t *testing.T) {
	t.Helper()
	own := w.url
	for _, method := range allMethods {
		for _, foreign := range []header{
			{"Origin", "https://evil.example.com"},
			{"Origin", "null"},
			{"Origin", "http://localhost:8888"},
			{"Origin", own + ".evil.com"},
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
		} {
			if a := w.do(w.ana, method, "/jobs?name=x", nil, foreign); a.status != http.StatusForbidden {
				t.Errorf("%s with %s %s: %d", method, foreign.name, foreign.value, a.status)
			}
		}
	}
	for _, fine := range []header{
		{"Origin", own}, {"Origin", "https://lab.example.org"}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"},
	} {
		if a := w.do(w.ana, "GET", "/jobs", nil, fine); a.status != 200 {
			t.Errorf("%s %s: %d", fine.name, fine.value, a.status)
		}
	}
}

func TestDevNeedsNoTokenFromItsOwner(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	must(t, err)
	w := newWorld(t, func(o *api.Options) { o.Dev, o.Owner = true, api.Owner{UID: os.Getuid(), Name: me.Username} })
	id := w.submit("", `{"msg":1}`)
	if w.job("", id).User != me.Username {
		t.Error("the job belongs to another")
	}
	w.ok(w.do("", "GET", "/leases", nil), 200, nil)
	w.refused(w.do("", "GET", "/jobs", nil, header{"Authorization", "Bearer junk"}), 401, api.CodeUnauthorized)
	w.refused(w.do("", "DELETE", "/jobs?all=true", nil, header{"Origin", "http://evil.example.com"}), 403, api.CodeForeignOrigin)

	other := newWorld(t, func(o *api.Options) { o.Dev, o.Owner = true, api.Owner{UID: os.Getuid() + 1, Name: "other"} })
	other.refused(other.do("", "GET", "/jobs", nil), 401, api.CodeUnauthorized)
	other.ok(other.do(other.ana, "GET", "/jobs", nil), 200, nil)
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for given, kept := range map[string]bool{"abc-123": true, strings.Repeat("a", 5000): false, "a b": false, "a;b": false, "": false} {
		a := w.do("", "GET", "/healthz", nil, header{"X-Request-ID", given})
		if id := a.header.Get("X-Request-ID"); (id == given) != kept || id == "" {
			t.Errorf("%.20q became %q", given, id)
		}
	}
}

func TestUnknownRouteAndMethod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refused(w.do(w.ana, "GET", "/nothing", nil), 404, api.CodeNotFound)
	a := w.do(w.ana, "PATCH", "/jobs", nil)
	w.refused(a, 405, api.CodeMethod)
	if a.header.Get("Allow") != "GET, HEAD, POST, DELETE" {
		t.Errorf("Allow: %s", a.header.Get("Allow"))
	}
	w.refused(w.do(w.ana, "OPTIONS", "/jobs", nil), 405, api.CodeMethod)
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, media := range []string{"", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";;", "application/xml"} {
		for _, target := range []string{"/jobs", "/jobs/batch"} {
			p := w.refused(w.do(w.ana, "POST", target, `{"msg":1}`, header{"Content-Type", media}), 415, api.CodeMediaType)
			if !strings.Contains(p.Detail, "application/json") {
				t.Errorf("%q: the answer does not say what to send: %s", media, p.Detail)
			}
		}
	}
	w.submit(w.ana, `{"msg":1}`, header{"Content-Type", "application/json; charset=utf-8"})
	for _, r := range []struct{ token, method, target, want string }{
		{w.ana, "PUT", "/blobs/" + blob.Sum([]byte("x")), "application/octet-stream"},
		{w.agent, "PUT", "/jobs/1/attempts/1/log?fence=1", "application/octet-stream"},
		{w.admin, "POST", "/tokens", "application/json"},
	} {
		for _, media := range []string{"", "text/plain", "text/html"} {
			p := w.refused(w.do(r.token, r.method, r.target, "x", header{"Content-Type", media}), 415, api.CodeMediaType)
			if !strings.Contains(p.Detail, r.want) {
				t.Errorf("%s %s: the answer does not say what to send: %s", r.method, r.target, p.Detail)
			}
		}
	}
	for _, encoding := range []string{"gzip", "br", "identity"} {
		w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1}`, header{"Content-Encoding", encoding}), 415, api.CodeEncoding)
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxBody, o.MaxBlob = 1000, 2000 })
	big := `{"msg":"` + strings.Repeat("x", 1000) + `"}`
	w.refused(w.do(w.ana, "POST", "/jobs", big), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "POST", "/jobs", io.MultiReader(strings.NewReader(big))), 413, api.CodeTooLarge) // chunked
	w.refused(w.do(w.ana, "POST", "/jobs/batch", big), 413, api.CodeTooLarge)
	blobBody := strings.Repeat("b", 2001)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(blobBody)), blobBody), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(blobBody)), io.MultiReader(strings.NewReader(blobBody))), 413, api.CodeTooLarge)
	fields := newWorld(t)
	fields.refused(fields.do(fields.ana, "POST", "/jobs", `{"command":["`+strings.Repeat("a", 70_000)+`"]}`), 413, api.CodeTooLarge)
	fields.submit(fields.ana, `{"msg":"`+strings.Repeat("a", 70_000)+`"}`)
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := "some bytes"
	sum := blob.Sum([]byte(data))
	w.refused(w.do(w.agent, "GET", "/blobs/"+sum, nil), 404, api.CodeNotFound)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum(nil), data), 422, api.CodeDigest)
	w.ok(w.do(w.ana, "PUT", "/blobs/"+sum, data), 201, nil)
	w.ok(w.do(w.agent, "PUT", "/blobs/"+sum, data), 201, nil)
	a := w.do(w.agent, "GET", "/blobs/"+sum, nil)
	if string(a.body) != data || a.header.Get("ETag") != `"`+sum+`"` {
		t.Errorf("got %d %q", a.status, a.body)
	}
	for _, name := range []string{"x", strings.ToUpper(sum), "..%2f" + sum, sum + "a"} {
		w.refused(w.do(w.agent, "PUT", "/blobs/"+name, data), 404, api.CodeNotFound)
		w.refused(w.do(w.agent, "GET", "/blobs/"+name, nil), 404, api.CodeNotFound)
	}
}

func TestFieldRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxTimeout = time.Hour })
	w.join()
	for body, want := range map[string]struct {
		status  int
		code    api.Code
		pointer string
	}{
		`{"msg":`:                                 {400, "bad-json", "/msg"},
		`{"msg":1}{}`:                             {400, "bad-json", ""},
		`null`:                                    {400, "bad-json", ""},
		`{"msg":1,"gpuz":1}`:                      {400, "unknown-field", "/gpuz"},
		`{"msg":1,"msg":1}`:                       {400, "duplicate-field", "/msg"},
		`{"MSG":1}`:                               {400, "unknown-field", "/MSG"},
		`{"msg":1,"timeout":NaN}`:                 {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"timeout":0}`:                   {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"timeout":"2h"}`:                {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"gpus":9223372036854775808}`:    {422, api.CodeInvalidField, "/gpus"},
		`{"msg":1,"name":"a\u001b[31m"}`:          {422, api.CodeInvalidField, "/name"},
		`{"msg":1,"env_vars":{"LD_PRELOAD":"x"}}`: {422, "reserved-env", "/env_vars/LD_PRELOAD"},
		`{"msg":1,"priority":5}`:                  {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"priority":-11}`:                {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"priority":100000}`:             {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"gpus":3}`:                      {422, api.CodeUnsatisfiable, ""},
		`{"msg":1,"after":[99]}`:                  {422, api.CodeInvalidField, "/after"},
		`{"msg":1,"<script>":1}`:                  {400, "unknown-field", "/?script?"},
	} {
		p := w.refused(w.do(w.ana, "POST", "/jobs", body), want.status, want.code)
		if want.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != want.pointer) {
			t.Errorf("%s: errors %+v", body, p.Errors)
		}
	}
	w.submit(w.admin, `{"msg":1,"priority":10}`)
	w.submit(w.ana, `{"msg":1,"priority":-10}`)
	limits := newWorld(t, func(o *api.Options) { o.DefaultTimeout, o.MaxTimeout = time.Minute, time.Hour })
	for body, want := range map[string]float64{`{"msg":1}`: 60, `{"msg":1,"timeout":"1h"}`: 3600} {
		if j := limits.job(limits.ana, limits.submit(limits.ana, body)); j.TimeoutSeconds != want {
			t.Errorf("%s has a time limit of %v s, want %v", body, j.TimeoutSeconds, want)
		}
	}
}

func TestQuotaAndRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxQueued = 2 })
	w.submit(w.ana, `{"msg":1}`)
	w.submit(w.ana, `{"msg":1}`)
	a := w.do(w.ana, "POST", "/jobs", `{"msg":1}`)
	w.refused(a, 429, api.CodeQuota)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.submit(w.bob, `{"msg":1}`)

	fast := newWorld(t, func(o *api.Options) { o.SubmitRate, o.SubmitBurst = 0.001, 1 })
	fast.submit(fast.ana, `{"msg":1}`)
	a = fast.do(fast.ana, "POST", "/jobs", `{"msg":1}`)
	fast.refused(a, 429, api.CodeTooManyRequests)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	fast.submit(fast.bob, `{"msg":1}`)
}

func TestDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		free     int64
		ready    int
		warnings int
		submit   int
	}{{50, 200, 0, 201}, {7, 200, 1, 201}, {2, 503, 0, 507}} {
		fresh := worldOn(t, w.st, w.blobs)
		w.blobs.SetStatfs(func(string) (blob.Space, error) { return blob.Space{Free: c.free, Total: 100}, nil })
		var ready api.Ready
		eventually(t, "the server has adopted the store", func() bool {
			a := fresh.do("", "GET", "/readyz", nil)
			must(t, json.Unmarshal(a.body, &ready))
			return a.status == c.ready && !strings.Contains(string(a.body), "adopted")
		})
		if len(ready.Warnings) != c.warnings {
			t.Errorf("%d %% free: %+v", c.free, ready)
		}
		if a := fresh.do(fresh.ana, "POST", "/jobs", `{"msg":1}`); a.status != c.submit {
			t.Errorf("%d %% free: submit answers %d", c.free, a.status)
		}
		if c.submit == 507 {
			fresh.refused(fresh.do(fresh.ana, "PUT", "/blobs/"+blob.Sum(nil), "x"), 507, api.CodeDiskFull)
			fresh.refused(fresh.do(fresh.ana, "POST", "/jobs", `{"msg":1}`), 507, api.CodeDiskFull)
		}
	}
}

// raw speaks HTTP by hand.
func (w *world) raw(text string) (net.Conn, *bufio.Reader) {
	w.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(w, err)
	w.Cleanup(func() { _ = conn.Close() })
	must(w, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write([]byte(text))
	must(w, err)
	return conn, bufio.NewReader(conn)
}

func (w *world) rawStatus(text string) int {
	w.Helper()
	_, r := w.raw(text)
	response, err := http.ReadResponse(r, nil)
	must(w, err)
	_ = response.Body.Close()
	return response.StatusCode
}

func TestLyingContentLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	conn, r := w.raw(head + "Content-Length: 100\r\n\r\n{\"msg\":1}")
	must(t, conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(r, nil)
	must(t, err)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("too short: %d", response.StatusCode)
	}
	if status := w.rawStatus(head + "Content-Length: 5\r\n\r\n{\"msg\":1}"); status != http.StatusBadRequest {
		t.Errorf("too long: %d", status)
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs were queued", n)
	}
}

func TestSmuggling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"two lengths":           head + "Content-Length: 9\r\nContent-Length: 10\r\n\r\n{\"msg\":1}",
		"odd transfer encoding": head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"space before colon":    head + "Content-Length : 9\r\n\r\n{\"msg\":1}",
		"no host":               "GET /jobs HTTP/1.1\r\n\r\n",
		"two hosts":             "GET /jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	} {
		if status := w.rawStatus(text); status != 400 && status != 501 {
			t.Errorf("%s: %d", name, status)
		}
	}
	// With both, the chunks alone count, and what follows them is a request of its own, without a token.
	_, r := w.raw(head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"msg\":1}\r\n0\r\n\r\nGET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for _, want := range []int{http.StatusCreated, http.StatusUnauthorized} {
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		must(t, err)
		if response.StatusCode != want {
			t.Errorf("length and chunks: %d, want %d", response.StatusCode, want)
		}
	}
	if status := w.rawStatus("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 200 {
		t.Errorf("absolute form: %d", status)
	}
	if status := w.rawStatus("GET http://evil.example.com/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 421 {
		t.Errorf("absolute form of another host: %d", status)
	}
}

func TestSlowSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace, o.HeaderTimeout = 50*time.Millisecond, 50*time.Millisecond })
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	if status := w.rawStatus(head + "Content-Length: 100\r\n\r\n{"); status != http.StatusRequestTimeout {
		t.Errorf("a slow body: %d", status)
	}
	conn, r := w.raw("GET /healthz HTTP/1.1\r\nHost: local")
	if _, err := r.ReadByte(); err == nil {
		_, _ = io.Copy(io.Discard, r) // net/http may answer 408 before it closes
	} else if !errors.Is(err, io.EOF) {
		t.Errorf("slow headers: %v", err)
	}
	_ = conn.Close()
}

// TestLongWaitAfterABody: the deadline of a body does not end what waits after it.
func TestLongWaitAfterABody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace = 30 * time.Millisecond; o.MaxWait = 200 * time.Millisecond })
	id := w.submit(w.ana, `{"msg":1}`)
	a := w.do(w.ana, "GET", path(id, "/result?wait=1"), "a body of a GET")
	w.refused(a, 404, api.CodeNotFinished)
}

func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Junk: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"
	if status := w.rawStatus(text); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %d", status)
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxConnections = 3 })
	ask := "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []net.Conn
	for range 3 {
		conn, r := w.raw(ask)
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		if response.StatusCode != 200 {
			t.Fatalf("within the limit: %d", response.StatusCode)
		}
		held = append(held, conn)
	}
	if status := w.rawStatus(ask); status != http.StatusTooManyRequests {
		t.Errorf("above the limit: %d", status)
	}
	_ = held[0].Close()
	eventually(t, "a place is free again", func() bool { return w.rawStatus(ask) == 200 })
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 20 {
				if a := w.do(w.ana, "POST", "/jobs", fmt.Sprintf(`{"msg":%d}`, i)); a.status != 201 {
					t.Errorf("submit: %d %s", a.status, a.body)
				}
			}
		})
	}
	all.Wait()
	if n := w.count(); n != 160 {
		t.Errorf("%d queued", n)
	}
}
