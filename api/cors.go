package api

import (
	"net"
	"net/http"
	"net/url"
	"slices"
)

// What pages of other origins may read of an answer, and send for it, beside
// what every page may.
const (
	exposedHeaders = "Content-Disposition, Content-Range, ETag, Mlq-Value, Mlq-Log-Attempt, Mlq-Log-Offset, Mlq-Log-Size, Retry-After"
	sentHeaders    = "Last-Event-ID, Range, If-None-Match"
)

// linkOrigin: a link is followed by whoever has it; a page that wants to read
// the answer, which its browser tells by an Origin, must be ours or allowed.
func (g guard) linkOrigin(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	return g.own(origins[0], r) || slices.Contains(g.readers, origins[0]) || g.dev && loopbackOrigin(origins[0])
}

// loopbackOrigin: a page of this machine, such as a notebook's.
func loopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != origin {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// share lets the page that was checked read the answer. Credentials are never
// allowed: the link is the only one.
func (c *call) share() {
	h := c.Header()
	h.Add("Vary", "Origin")
	if origin := c.r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
}

// embeddable: a page elsewhere may show, as an image, what it has a link to;
// everything else is for our own page.
func (c *call) embeddable() string {
	if c.link {
		return "cross-origin"
	}
	return "same-origin"
}

// preflight answers a browser that asks whether a page may read a signed link
// with a header of its own; everything else is left to the router.
func (s *Server) preflight(c *call) bool {
	r := c.r
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") != http.MethodGet || !signed(r) {
		return false
	}
	if len(r.Header["Origin"]) != 1 || s.guard.checkTarget(r) != nil || !s.guard.linkOrigin(r) {
		return false
	}
	c.share()
	h := c.Header()
	h.Set("Access-Control-Allow-Methods", http.MethodGet)
	h.Set("Access-Control-Allow-Headers", sentHeaders)
	h.Set("Access-Control-Max-Age", "600")
	c.WriteHeader(http.StatusNoContent)
	return true
}
