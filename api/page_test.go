package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestPage: everybody gets the page and its files, under a policy that runs
// nothing else.
func TestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for target, media := range map[string]string{
		"/": "text/html; charset=utf-8", "/web/app.js": "text/javascript; charset=utf-8",
		"/web/style.css": "text/css; charset=utf-8", "/web/icon.svg": "image/svg+xml",
	} {
		a := w.do("", "GET", target, nil, header{"Sec-Fetch-Site", "same-origin"})
		if a.status != 200 || a.header.Get("Content-Type") != media || len(a.body) == 0 {
			t.Errorf("%s: %d %s", target, a.status, a.header.Get("Content-Type"))
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
		again := w.do("", "GET", target, nil, header{"If-None-Match", a.header.Get("ETag")})
		if again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("%s with its ETag: %d", target, again.status)
		}
	}
	for _, name := range []string{"nothing.js", "web.go", "..%2fpage.go", "%2e%2e/page.go", "index.html%00.js"} {
		w.refused(w.do("", "GET", "/web/"+name, nil), 404, api.CodeNotFound)
	}
}

// TestLinkToPage: a link on another site leads to the page; its scripts reach nothing.
func TestLinkToPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cross := header{"Sec-Fetch-Site", "cross-site"}
	if a := w.do("", "GET", "/", nil, cross, header{"Sec-Fetch-Mode", "navigate"}); a.status != 200 {
		t.Errorf("following a link: %d", a.status)
	}
	w.refused(w.do("", "GET", "/", nil, cross, header{"Sec-Fetch-Mode", "no-cors"}), 403, api.CodeForeignOrigin)
	w.refused(w.do("", "GET", "/", nil, header{"Origin", "https://evil.example.com"}, header{"Sec-Fetch-Mode", "navigate"}), 403, api.CodeForeignOrigin)
	w.refused(w.do("", "GET", "/jobs", nil, cross, header{"Sec-Fetch-Mode", "navigate"}), 403, api.CodeForeignOrigin)
}

// TestPageStandsAlone: no markup is made of text, nothing is inline, nothing comes from elsewhere.
func TestPageStandsAlone(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("web/*.*")
	must(t, err)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|localStorage|document\.cookie`)
	inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+="|@import|url\(`)
	elsewhere := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	seen := 0
	for _, file := range files {
		if filepath.Ext(file) == ".go" {
			continue
		}
		seen++
		text, err := os.ReadFile(file)
		must(t, err)
		found := markup.FindAllString(string(text), -1)
		if ext := filepath.Ext(file); ext == ".html" || ext == ".css" {
			found = append(found, inline.FindAllString(string(text), -1)...)
		}
		if names := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""); elsewhere.MatchString(names) {
			found = append(found, elsewhere.FindString(names))
		}
		if len(found) > 0 {
			t.Errorf("%s has %q", file, found)
		}
	}
	if seen < 15 {
		t.Errorf("only %d files", seen)
	}
}

// TestEventsHintAtOthers: who may not see a job learns that something happened, and nothing of it.
func TestEventsHintAtOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stream("/events")
	s.want(t, ": still here")
	w.submit(w.bob, `{"msg":1,"name":"of bob"}`)
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line := <-s.ch:
			if strings.HasPrefix(line, "data:") || strings.HasPrefix(line, "id:") {
				t.Fatalf("ana hears %q", line)
			}
			if line == ": others" {
				return
			}
		case <-deadline:
			t.Fatal("ana hears of no change")
		}
	}
}
