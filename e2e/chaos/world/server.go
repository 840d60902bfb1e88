package world

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// Server is one `mlq serve`.
type Server struct {
	*Process
	URL  string // over the users' link to it
	Link *Link  // that link

	direct string // past all links
	client *http.Client
	data   string
	tls    bool
	port   int
}

// newServer makes a server. The second one takes its blobs from the first's
// folder, the third one from the second over HTTP.
func (w *World) newServer(i int) (*Server, error) {
	port, err := newPort()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprint("s", i+1)
	s := &Server{port: port, data: filepath.Join(w.opts.Dir, name), tls: i == 0 && w.opts.TLS, client: http.DefaultClient}
	store, err := w.storeURL(name, "mlq")
	if err != nil {
		return nil, err
	}
	argv := []string{w.opts.Binary, "serve", "--data", s.data, "--signing-key-file", filepath.Join(w.opts.Dir, "signing.key"), "--listen", local(port)}
	if argv, err = w.blobs(argv, i, name); err != nil {
		return nil, err
	}
	if s.tls {
		argv = append(argv, "--tls-self-signed")
	}
	s.Process = w.process(name, KindServer, []string{"MLQ_STORE=" + store}, argv...)
	s.direct = scheme(s.tls) + local(port)
	if s.Link, err = w.linkTo("client", s); err != nil {
		return nil, err
	}
	s.URL = scheme(s.tls) + s.Link.Addr()
	s.ready = s.answers
	return s, nil
}

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

// blobs adds where a server's blobs are.
func (w *World) blobs(argv []string, i int, name string) ([]string, error) {
	if i != 2 {
		return append(argv, "--blobs", filepath.Join(w.opts.Dir, "blobs")), nil
	}
	from := w.Servers[1]
	l, err := w.link(name, from.Name, local(from.port), faultproxy.HTTP)
	if err != nil {
		return nil, err
	}
	return append(argv, "--blobs-from", "http://"+l.Addr()), nil
}

// linkTo is a link to a server's HTTP.
func (w *World) linkTo(from string, s *Server) (*Link, error) {
	protocol := faultproxy.HTTP
	if s.tls {
		protocol = faultproxy.Raw
	}
	l, err := w.link(from, s.Name, local(s.port), protocol)
	if err == nil {
		l.TLS = s.tls
	}
	return l, err
}

// answers: it serves, and its store and its blobs do too.
func (s *Server) answers(ctx context.Context) error {
	if err := s.trust(); err != nil {
		return err
	}
	r, err := s.get(ctx, "/healthz")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: /healthz: %s", s.Name, r.Status)
	}
	return nil
}

func (s *Server) get(ctx context.Context, path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.direct+path, nil)
	if err != nil {
		return nil, err
	}
	return s.client.Do(request)
}

// trust takes in the certificate that a server has made itself.
func (s *Server) trust() error {
	if !s.tls || s.client != http.DefaultClient {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(s.data, "tls", "cert.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s: no certificate", s.data)
	}
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 100,
	}}
	return nil
}

// Client is an HTTP client that trusts the server, without a time limit of its own.
func (s *Server) Client() *http.Client { return s.client }

// Direct is the server's address past all links, for who looks at the end.
func (s *Server) Direct() string { return s.direct }

// fingerprint is that of its certificate, as it has printed it.
func (s *Server) fingerprint() (string, error) {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if pin, ok := strings.CutPrefix(line, "certificate: SHA-256 "); ok {
			return strings.TrimSpace(pin), nil
		}
	}
	return "", fmt.Errorf("%s has printed no fingerprint", s.Name)
}

// adminToken is the one that the first server of the store has written.
func (s *Server) adminToken() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	return strings.TrimSpace(string(text)), err
}
