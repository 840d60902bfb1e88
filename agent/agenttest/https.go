package agenttest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// quiet takes what net/http says of requests that were lost on purpose.
var quiet = stdlog.New(io.Discard, "", 0)

// HTTPS is a real server under TLS behind a proxy, also under TLS, that can
// lose, repeat and refuse requests. Agents ask the proxy.
type HTTPS struct {
	t      testing.TB
	opts   api.Options
	timing scheduler.Timing
	proxy  *httptest.Server

	mu      sync.Mutex
	backend *url.URL // nil: no server is there
	stop    func()
	inject  func(*http.Request) storetest.Fault
	answers bool // those of a later server
	asks    bool // a later agent does
}

// Serve starts both. Of the options, Scheduler, Store and Blobs must be given.
func Serve(t testing.TB, o api.Options) *HTTPS {
	t.Helper()
	o.Tokens, o.Log, o.TLS = auth.New(o.Store, auth.Options{}), zerolog.Nop(), certificate()
	o.Secrets = secrets.New(o.Store, filepath.Join(t.TempDir(), "secret.key"))
	h := &HTTPS{t: t, opts: o, timing: o.Scheduler.Timing()}
	h.Start()
	h.proxy = httptest.NewUnstartedServer(h)
	h.proxy.EnableHTTP2 = true
	h.proxy.Config.ErrorLog = quiet
	h.proxy.StartTLS()
	t.Cleanup(func() {
		h.Stop()
		h.proxy.CloseClientConnections()
		h.proxy.Close()
	})
	return h
}

// certificate is one for 127.0.0.1 that signs itself.
func certificate() *tls.Config {
	donor := httptest.NewTLSServer(http.NotFoundHandler())
	defer donor.Close()
	return &tls.Config{Certificates: donor.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
}

// URL is that of the proxy.
func (h *HTTPS) URL() string { return h.proxy.URL }

// Start starts a server, another one than before, on the same store.
func (h *HTTPS) Start() {
	h.t.Helper()
	server, err := api.New(h.opts)
	must(h.t, err)
	h.opts.Metrics = nil
	ln, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	must(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, ln) }()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.backend = &url.URL{Scheme: "https", Host: ln.Addr().String()}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("server: %v", err)
		}
	})
}

// Stop ends the server; requests fail until Start.
func (h *HTTPS) Stop() {
	h.mu.Lock()
	stop := h.stop
	h.backend = nil
	h.mu.Unlock()
	stop()
}

// Inject says what happens to each request from now on; nil: nothing.
func (h *HTTPS) Inject(fault func(*http.Request) storetest.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inject = fault
}

// Later makes all answers those of a server of a later version, or all requests those
// of a later agent: each JSON object has a field that this version does not know.
func (h *HTTPS) Later(answers, asks bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers, h.asks = answers, asks
}

// ServeHTTP is the proxy.
func (h *HTTPS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	backend, inject, asks := h.backend, h.inject, h.asks
	h.mu.Unlock()
	if backend == nil {
		panic(http.ErrAbortHandler)
	}
	if asks {
		must(h.t, laterRequest(r))
	}
	fault := storetest.Healthy
	if inject != nil {
		fault = inject(r)
	}
	h.pass(w, r, backend, fault)
}

func (h *HTTPS) pass(w http.ResponseWriter, r *http.Request, to *url.URL, fault storetest.Fault) {
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(to) },
		Transport: h.transport(), FlushInterval: -1, ErrorLog: quiet,
		ModifyResponse: h.modify(), //nolint:bodyclose // the proxy closes it
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	sent, err := io.ReadAll(r.Body)
	body := func() *http.Request {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(sent))
		return again
	}
	if err != nil || fault == storetest.LostCall {
		panic(http.ErrAbortHandler)
	}
	if fault == storetest.LostAnswer || fault == storetest.Repeated {
		proxy.ServeHTTP(httptest.NewRecorder(), body())
	}
	if fault == storetest.LostAnswer {
		panic(http.ErrAbortHandler)
	}
	proxy.ServeHTTP(w, body())
}

func (h *HTTPS) modify() func(*http.Response) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answers {
		return laterAnswer
	}
	return nil
}

func (h *HTTPS) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: trust(h.opts.TLS.Certificates[0].Leaf), ForceAttemptHTTP2: true, DisableKeepAlives: true}
}

func trust(certificate *x509.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// CertificateFile has the proxy's certificate, for ClientFor.
func (h *HTTPS) CertificateFile() string {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "cert.der")
	must(h.t, os.WriteFile(path, h.proxy.Certificate().Raw, 0o600))
	return path
}

// ClientFor is Client in another process.
func ClientFor(certificateFile string) (*http.Client, error) {
	raw, err := os.ReadFile(certificateFile)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: agentclient.Transport(&http.Transport{TLSClientConfig: trust(certificate), ForceAttemptHTTP2: true})}, nil
}

// Client is an HTTP client of its own that knows the proxy's certificate.
func (h *HTTPS) Client() *http.Client {
	transport := &http.Transport{TLSClientConfig: trust(h.proxy.Certificate()), ForceAttemptHTTP2: true}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: agentclient.Transport(transport)}
}

// Token makes a token.
func (h *HTTPS) Token(user string, role auth.Role) string {
	h.t.Helper()
	text, _, err := h.opts.Tokens.Create(context.Background(), auth.Wanted{User: user, Role: role})
	must(h.t, err)
	return text
}

// Agent is the scheduler of a host's agent, with the token of that host.
func (h *HTTPS) Agent(host string) *agentclient.Scheduler {
	h.t.Helper()
	return agentclient.New(agentclient.Options{
		Server: h.URL(), Token: h.Token(host, auth.RoleAgent), Host: host, HTTP: h.Client(), Timing: h.timing,
	})
}

// Direct is Agent without the proxy, for who measures.
func (h *HTTPS) Direct(host string) *agentclient.Scheduler {
	h.t.Helper()
	transport := &http.Transport{TLSClientConfig: trust(h.opts.TLS.Certificates[0].Leaf), ForceAttemptHTTP2: true}
	h.t.Cleanup(transport.CloseIdleConnections)
	return agentclient.New(agentclient.Options{
		Server: h.backend.String(), Token: h.Token(host, auth.RoleAgent), Host: host,
		HTTP: &http.Client{Transport: agentclient.Transport(transport)}, Timing: h.timing,
	})
}

// Faults injects into about one request in oneIn, the same for the same seed
// and order of requests, but for the streams of notices.
func Faults(seed uint64, oneIn int) func(*http.Request) storetest.Fault {
	random := storetest.Random(seed, oneIn)
	return func(r *http.Request) storetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/notices") {
			return storetest.Healthy
		}
		return random(r.Context(), storetest.Call{Op: r.URL.Path})
	}
}
