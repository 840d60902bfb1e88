package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard decides before anything else whether a request was meant for this
// server at all. A web page in a user's browser can reach a server on
// loopback; it can neither choose the Host header of a name that it does not
// own, nor hide its Origin.
type guard struct {
	hosts   map[string]bool
	public  string   // origin of the public URL, "" without
	readers []string // origins whose pages may read signed links
	dev     bool
}

func newGuard(o Options) guard {
	g := guard{hosts: map[string]bool{"localhost": true}, readers: o.Origins, dev: o.Dev}
	for _, h := range o.Hosts {
		g.hosts[strings.ToLower(h)] = true
	}
	if o.PublicURL != nil {
		g.hosts[strings.ToLower(o.PublicURL.Hostname())] = true
		g.public = o.PublicURL.Scheme + "://" + o.PublicURL.Host
	}
	return g
}

// admit checks host, origin, encoding and token of a request.
func (s *Server) admit(c *call) error {
	if linked(c.r) {
		return s.admitLink(c)
	}
	if err := s.guard.check(c.r); err != nil {
		return err
	}
	return s.authenticate(c)
}

func (g guard) check(r *http.Request) error {
	if err := g.checkTarget(r); err != nil {
		return err
	}
	if !g.origin(r) && !opensPage(r) {
		return foreignOrigin()
	}
	return nil
}

func foreignOrigin() error {
	return refuse(CodeForeignOrigin, "the request comes from a page of another origin; --allow-origin lets such pages read signed links")
}

// checkTarget refuses what no page could make right: another host's request,
// a body that is not as it is, a token in the URL.
func (g guard) checkTarget(r *http.Request) error {
	if !g.host(r) {
		return refuse(CodeWrongHost, "the Host header names another server; use --public-url to add a name")
	}
	if len(r.Header["Content-Encoding"]) > 0 {
		return refuse(CodeEncoding, "send the body as it is, without Content-Encoding")
	}
	if tokenInQuery(r.URL.RawQuery) {
		return refuse(CodeTokenInURL, "send the token in the header Authorization: Bearer …, and revoke this one: URLs end up in logs")
	}
	return nil
}

// host: a listed name, a loopback address, or the very address that the
// connection came to. An address cannot be re-bound to another machine.
func (g guard) host(r *http.Request) bool {
	name := hostname(r.Host)
	if g.hosts[strings.ToLower(name)] {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	return ip.Unmap().IsLoopback() || ip.Unmap() == localIP(r)
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func localIP(r *http.Request) netip.Addr {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return addr.AddrPort().Addr().Unmap()
}

// origin: none (not a browser), or the server's own. Where a browser sends no
// Origin it sends Sec-Fetch-Site.
func (g guard) origin(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "none" || site == "same-origin"
	}
	return len(origins) == 1 && g.own(origins[0], r)
}

func (g guard) own(origin string, r *http.Request) bool {
	return g.public != "" && origin == g.public || sameOrigin(origin, r)
}

// opensPage: a link on another site leads to the page. It is the same for
// everybody; only following the link reaches it, not a script over there.
func opensPage(r *http.Request) bool {
	return r.URL.Path == "/" && r.Method == http.MethodGet && len(r.Header["Origin"]) == 0 && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

func sameOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// tokenInQuery looks for credentials where they do not belong.
func tokenInQuery(query string) bool {
	if query == "" {
		return false
	}
	for part := range strings.SplitSeq(query, "&") {
		if text, err := url.QueryUnescape(part); err == nil {
			part = text
		}
		if strings.Contains(part, "mlq_") {
			return true
		}
		name, _, _ := strings.Cut(part, "=")
		switch strings.ToLower(name) {
		case "token", "access_token", "auth_token", "authorization":
			return true
		}
	}
	return false
}
