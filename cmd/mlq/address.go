package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/mlq-dev/mlq/api"
)

// address is how others reach a server: its URL and, where nobody vouches for
// its certificate, the pin.
type address struct{ url, pin string }

// addressOf is the address to hand on: how users name the server, if it says
// so, else how it was reached just now; and the certificate that was taken.
func (r *remote) addressOf(public string) address {
	a := address{url: r.base}
	if public != "" {
		a.url = public
	}
	if p, err := readPin(r.fingerprint); err == nil {
		a.pin = p.String()
	}
	return a
}

// String is the pin as it is handed on.
func (p pin) String() string { return "sha256:" + hex.EncodeToString(p[:]) }

// flag is the pin as a flag, where there is one.
func (a address) flag() string {
	if a.pin == "" {
		return ""
	}
	return " --pin " + a.pin
}

// warning tells of an address that leads nowhere from another machine.
func (a address) warning() string {
	u, err := url.Parse(a.url)
	if err != nil || !loopback(u.Hostname()) {
		return ""
	}
	return a.url + " is this machine only; give mlq serve --public-url URL, or run this command with --server and the name that others use"
}

// whoami asks whose token this is; its answer also shows the certificate.
func (r *remote) whoami(ctx context.Context) (who api.Whoami, certificate []byte, err error) {
	response, err := r.do(ctx, http.MethodGet, "/whoami", nil, nil)
	if err != nil {
		return who, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&who); err != nil {
		return who, nil, badAnswer(r.base, err)
	}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		certificate = response.TLS.PeerCertificates[0].Raw
	}
	return who, certificate, nil
}

// plainURL refuses a URL over which a secret could be read on its way.
func plainURL(base, secret string) error {
	u, err := url.Parse(base)
	if err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		return misconfigured("refusing to send %s over plain http:// to %s, where it can be read on the way", secret, u.Hostname()).with("use https://")
	}
	if err == nil && u.User != nil {
		return misconfigured("the server's URL holds a password").with("leave it out")
	}
	return nil
}
