package api_test

import (
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

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
			{"Origin", "https://lab.example.org"}, // may read signed links, and no more
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
		} {
			if a := w.do(w.ana, method, "/jobs?name=x", nil, foreign); a.status != http.StatusForbidden {
				t.Errorf("%s with %s %s: %d", method, foreign.name, foreign.value, a.status)
			}
		}
	}
	for _, fine := range []header{
		{"Origin", own}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"},
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
