package faultproxy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// web is a real HTTP server behind a link, that notes what it carried out.
type web struct {
	t    *testing.T
	link *faultproxy.Link
	got  chan string // the bodies, in the order of their arrival
	call *http.Client
}

const patience = 30 * time.Second

func newWeb(t *testing.T, protocol faultproxy.Protocol) *web {
	t.Helper()
	w := &web{t: t, got: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			w.got <- r.Method + " " + string(body)
		}
		io.WriteString(answer, "did "+string(body))
	}))
	t.Cleanup(server.Close)
	w.link = link(t, strings.TrimPrefix(server.URL, "http://"), protocol)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w.call = &http.Client{Transport: transport, Timeout: patience}
	return w
}

func link(t *testing.T, target string, protocol faultproxy.Protocol) *faultproxy.Link {
	t.Helper()
	l, err := faultproxy.Listen(target, protocol, 7)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// post sends a request that Go's client does not repeat by itself.
func (w *web) post(ctx context.Context, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.link.Addr(), strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
	}
	r.GetBody = nil
	answer, err := w.call.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func (w *web) posts(body string) {
	w.t.Helper()
	if answer, err := w.post(w.t.Context(), body); err != nil || answer != "did "+body {
		w.t.Fatalf("answered %q, %v", answer, err)
	}
	w.carriedOut("POST " + body)
}

func (w *web) carriedOut(want string) {
	w.t.Helper()
	select {
	case got := <-w.got:
		if got != want {
			w.t.Fatalf("the server carried out %q, want %q", got, want)
		}
	case <-time.After(patience):
		w.t.Fatalf("the server did not carry out %q", want)
	}
}

func (w *web) nothingElse() {
	w.t.Helper()
	if len(w.got) > 0 {
		w.t.Fatalf("the server also carried out %q", <-w.got)
	}
}

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}
