package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// public is the address that users open.
func (s *server) public(c serverConfig) string {
	if c.publicURL != nil {
		return strings.TrimRight(c.publicURL.String(), "/")
	}
	return s.url
}

// reachable is a listening address as a client on this machine uses it.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}

// readPublicURL checks --public-url.
func readPublicURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, misconfigured("--public-url %s: want the address that users open, for example https://mlq.example.org", text)
	}
	return u, nil
}
