package api_test

import (
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// TestAllowedOrigins: pages of a listed origin may read signed links; in dev
// those of this machine too. Nothing else, and never with credentials.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	lab := "https://lab.example.org"
	for _, c := range []struct {
		name   string
		dev    bool
		listed []string
		fine   []string
		not    []string
	}{
		{"listed", false, []string{lab}, []string{lab}, []string{
			"https://evil.example.com", "null", lab + ".evil.com", "http://lab.example.org", lab + ":8443", "https://xlab.example.org",
			"http://localhost:8888", "", lab + "/",
		}},
		{"none listed", false, nil, nil, []string{lab, "http://localhost:8888", "null"}},
		{"dev", true, nil, []string{"http://localhost:8888", "http://127.0.0.1:9999", "https://[::1]:1", "http://localhost"}, []string{
			lab, "null", "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://evil.com#localhost", "file://localhost", "http://localhost:8888/x", "http://a@localhost",
		}},
	} {
		w := newWorld(t, func(o *api.Options) { o.Origins, o.Dev, o.Owner = c.listed, c.dev, api.Owner{UID: -1, Name: "nobody"} })
		id := w.finished("plot")
		link := w.link(w.ana, id, `{}`)
		for _, origin := range append(c.fine, w.url) {
			a := w.do("", "GET", link, nil, header{"Origin", origin})
			if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != origin || a.header.Get("Vary") != "Origin" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %s reads %d, %v", c.name, origin, a.status, a.header)
			}
			a = w.do("", "GET", link+"x", nil, header{"Origin", origin}) // it may read why not
			w.refused(a, 403, api.CodeBadLink)
			if a.header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("%s: %s cannot read a refusal", c.name, origin)
			}
			w.preflight(t, c.name+" "+origin, link, origin, true)
		}
		for _, origin := range c.not {
			if origin == "" {
				continue // no Origin: not a page that reads
			}
			a := w.do("", "GET", link, nil, header{"Origin", origin})
			w.refused(a, 403, api.CodeForeignOrigin)
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %s may read", c.name, origin)
			}
			w.preflight(t, c.name+" "+origin, link, origin, false)
		}
		for _, origin := range c.fine { // only signed links, and only GET
			w.refused(w.do(w.ana, "GET", path(id, "/result"), nil, header{"Origin", origin}), 403, api.CodeForeignOrigin)
			w.refused(w.do(w.ana, "DELETE", path(id, ""), nil, header{"Origin", origin}), 403, api.CodeForeignOrigin)
			w.preflight(t, c.name+" unsigned "+origin, path(id, "/result"), origin, false)
			if a := w.do("", "OPTIONS", link, nil, header{"Origin", origin}, header{"Access-Control-Request-Method", "DELETE"}); a.status < 400 {
				t.Errorf("%s: a preflight of DELETE answers %d", c.name, a.status)
			}
		}
	}
}

func (w *world) preflight(t *testing.T, what, target, origin string, want bool) {
	t.Helper()
	a := w.do("", "OPTIONS", target, nil, header{"Origin", origin}, header{"Access-Control-Request-Method", "GET"},
		header{"Access-Control-Request-Headers", "last-event-id"})
	if (a.status == 204) != want || (a.header.Get("Access-Control-Allow-Origin") == origin) != want {
		t.Errorf("%s: the preflight answers %d %v", what, a.status, a.header)
	}
	if want && (a.header.Get("Access-Control-Allow-Methods") != "GET" || a.header.Get("Access-Control-Allow-Credentials") != "") {
		t.Errorf("%s: the preflight allows %v", what, a.header)
	}
}
