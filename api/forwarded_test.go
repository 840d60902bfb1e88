package api_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// TestForwardedHeaders: what a caller says of itself in the headers of proxies
// is not believed: neither for who it is, nor where it comes from, nor which
// server it means. A huge or broken one does no harm.
func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	dev := newWorld(t, func(o *api.Options) { o.Dev, o.Owner = true, api.Owner{UID: os.Getuid() + 1, Name: "other"} })
	for _, claim := range []header{
		{"X-Forwarded-For", "127.0.0.1"},
		{"X-Real-IP", "127.0.0.1"},
		{"Forwarded", "for=127.0.0.1;host=localhost;proto=https"},
		{"X-Forwarded-User", "root"},
		{"X-Remote-User", "root"},
		{"X-Forwarded-For", strings.Repeat("1", 5000)},
	} {
		dev.refused(dev.do("", "GET", "/jobs", nil, claim), 401, api.CodeUnauthorized)
		dev.ok(dev.do(dev.ana, "GET", "/jobs", nil, claim), 200, nil)
	}
	for _, claim := range []header{{"X-Forwarded-Host", "localhost"}, {"Forwarded", "host=localhost"}, {"X-Host", "localhost"}} {
		a := dev.do(dev.ana, "GET", "/jobs", nil, header{"Host", "evil.example.com"}, claim)
		dev.refused(a, 421, api.CodeWrongHost)
	}
	for _, claim := range []header{{"X-Http-Method-Override", "DELETE"}, {"X-Original-Url", "/leases"}, {"X-Rewrite-Url", "/leases"}} {
		dev.ok(dev.do(dev.ana, "GET", "/jobs", nil, claim), 200, nil)
	}
}

// TestForwardedConnections: the limit of connections counts where they come from,
// not where they say.
func TestForwardedConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxFromAddress = 1 })
	ask := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.%\r\n\r\n"
	_, r := w.raw(strings.Replace(ask, "%", "1", 1))
	response, err := http.ReadResponse(r, nil)
	must(t, err)
	if status := w.rawStatus(strings.Replace(ask, "%", "2", 1)); response.StatusCode != 200 || status != 429 {
		t.Errorf("within the limit %d, above it %d", response.StatusCode, status)
	}
}

// TestBrokenRequestIDs: lines that try to go on in the next header, or in the log.
func TestBrokenRequestIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	for name, text := range map[string]string{
		"bare line feed":       "X-Request-ID: a\nX-Evil: b",
		"carriage return":      "X-Request-ID: a\rb",
		"null":                 "X-Request-ID: a\x00b",
		"folded":               "X-Request-ID: a\r\n b",
		"twice":                "X-Request-ID: a\r\nX-Request-ID: b",
		"not ASCII":            "X-Request-ID: \xff\xfe",
		"as another's, quoted": `X-Request-ID: "a","level":"error"`,
	} {
		_, r := w.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + text + "\r\n\r\n")
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		id := response.Header.Get("X-Request-ID")
		if response.StatusCode != http.StatusBadRequest && (!plain.MatchString(id) || response.Header.Get("X-Evil") != "") {
			t.Errorf("%s: %d with the id %q", name, response.StatusCode, id)
		}
	}
}

// TestHTTP10: the old protocol is answered by the same rules, and its
// connection closed.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range map[string]int{
		"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n":        200,
		"GET /jobs HTTP/1.0\r\nHost: localhost\r\n\r\n":           401,
		"GET /healthz HTTP/1.0\r\n\r\n":                           421, // it names no host
		"GET /healthz HTTP/1.0\r\nHost: evil.example.com\r\n\r\n": 421,
		"POST /jobs HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n\r\n9\r\n{\"msg\":1}\r\n0\r\n\r\n": 400,
		"GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n":                505,
		"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n":                505,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                421, // HTTP/2 without TLS: it names no host
		"GET /healthz\r\n\r\n":                                            400,
		"CONNECT evil.example.com:22 HTTP/1.1\r\nHost: localhost\r\n\r\n": 421,
	} {
		if got := w.rawStatus(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs were queued", n)
	}
}

// TestQuotaOfABatch: a batch that would go above the user's limit is refused as a
// whole, and one that ends somewhere makes room.
func TestQuotaOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxQueued = 3 })
	first := w.submit(w.ana, `{"msg":1}`)
	for _, body := range []string{`{"jobs":[{"msg":1},{"msg":2},{"msg":3}]}`, `{"jobs":[` + strings.Repeat(`{"msg":1},`, 999) + `{"msg":1}]}`} {
		a := w.do(w.ana, "POST", "/jobs/batch", body)
		w.refused(a, 429, api.CodeQuota)
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if n := w.count(); n != 1 {
			t.Fatalf("%d jobs are queued", n)
		}
	}
	w.ok(w.do(w.ana, "DELETE", path(first, ""), nil), 200, nil)
	w.ok(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[{"msg":1},{"msg":2},{"msg":3}]}`), 201, nil)
}

// TestQuotaOfALargeBatch: also one that takes several commits.
func TestQuotaOfALargeBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxQueued = 5000 })
	body := `{"jobs":[` + strings.Repeat(`{"msg":1},`, 9_999) + `{"msg":1}]}`
	w.refused(w.do(w.ana, "POST", "/jobs/batch", body), 429, api.CodeQuota)
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs of the refused batch are queued", n)
	}
}
