package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/pflag"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
)

// blobsFrom names the server that has the blobs, for a server without a folder
// of its own.
type blobsFrom struct {
	url         string // "": none
	fingerprint string // of its certificate, "" where authorities vouch for it
	insecure    bool
}

func (b *blobsFrom) bind(f *pflag.FlagSet) {
	f.StringVar(&b.url, "blobs-from", "", "URL of the server that has the blobs: this one then has no folder of its own")
	f.StringVar(&b.fingerprint, "blobs-from-fingerprint", "", "SHA-256 of that server's certificate, which may then sign itself")
	f.BoolVar(&b.insecure, "blobs-from-insecure", false, "speak plain http:// to that server on another machine too")
	variable(f, "blobs-from", "MLQ_BLOBS_FROM")
	variable(f, "blobs-from-fingerprint", "MLQ_BLOBS_FROM_FINGERPRINT")
}

// check refuses what cannot be meant, and what would show a token and all
// blobs to others on their way.
func (b *blobsFrom) check(folder string) (blobsFrom, error) {
	if b.url == "" {
		return *b, nil
	}
	if folder != "" {
		return *b, misconfigured("--blobs and --blobs-from exclude each other")
	}
	u, err := url.Parse(b.url)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return *b, misconfigured("--blobs-from %q: want a URL as https://10.0.0.5:5001", b.url)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) && !b.insecure {
		return *b, misconfigured("--blobs-from: plain http:// to %s can be read on the way", u.Hostname()).
			with("use https://, or --blobs-from-insecure")
	}
	if b.fingerprint != "" {
		if _, err := readPin(b.fingerprint); err != nil {
			return *b, misconfigured("--blobs-from-fingerprint: %w", err)
		}
	}
	return *b, nil
}

// open is the way to the blobs. The two servers know each other by the store:
// this one gives itself a token there, which that one finds.
func (b *blobsFrom) open(ctx context.Context, s *server, c serverConfig) (api.Blobs, error) {
	identity, err := api.BlobsIdentity(ctx, s.store)
	if err != nil {
		return nil, err
	}
	if identity == "" {
		return nil, failed("--blobs-from %s: no server with a folder of blobs has started on this store yet", b.url).
			with("start that one first, with the same --store")
	}
	token, err := ownToken(ctx, c.log, s.tokens, c.data.join("server.token"), auth.Wanted{User: "server", Role: auth.RoleServer})
	if err != nil {
		return nil, failed("this server's token: %w", err)
	}
	blobs := api.NewRemoteBlobs(b.url, token, identity, b.client())
	return blobs, b.ask(ctx, blobs, c)
}

// ask looks once whether it is the right server. One that does not answer may
// do so later: this one then starts, and is not ready until that one is.
func (b *blobsFrom) ask(ctx context.Context, blobs *api.RemoteBlobs, c serverConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := blobs.Space(ctx)
	switch {
	case err == nil:
	case errors.Is(err, api.ErrOtherBlobs):
		return misconfigured("--blobs-from %s: %w", b.url, err)
	default:
		c.log.Warn().Err(err).Msg("this server is not ready until the one that has the blobs answers")
	}
	return nil
}

func (b *blobsFrom) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	transport.ResponseHeaderTimeout = dialPatience // a large blob is synced before it is answered for
	transport.MaxIdleConnsPerHost = 64
	transport.IdleConnTimeout = 30 * time.Second // below a server's own, which would cut a request off
	if b.fingerprint != "" {
		if p, err := readPin(b.fingerprint); err == nil { // check has read it
			transport.TLSClientConfig = p.config()
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: refuseRedirect}
}
