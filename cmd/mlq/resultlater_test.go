package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestResultOfNoServer: who waits for a result at a wrong URL, or without the server's
// authority, is told at once, as without --wait.
func TestResultOfNoServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	for _, base := range []string{nobody, untrusted.URL} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		var said bytes.Buffer
		r := &remote{base: base, http: http.DefaultClient}
		response, err := openResult(ctx, streams{err: &said}, r, 1, true)
		if err == nil {
			response.Body.Close()
		}
		if err == nil || ctx.Err() != nil || strings.Contains(said.String(), "trying again") {
			t.Errorf("%s: %v, and said %q", base, err, said.String())
		}
		cancel()
	}
}

// TestResultLater: what may pass is waited for, and nothing else.
func TestResultLater(t *testing.T) {
	for _, c := range []struct {
		err          error
		heard, later bool
	}{
		{&api.Error{Problem: api.Problem{Status: 503}}, false, true},
		{&api.Error{Problem: api.Problem{Status: 502}}, false, true}, // of a proxy, whose server is started again
		{&api.Error{Problem: api.Problem{Status: 500}}, true, false},
		{&api.Error{Problem: api.Problem{Status: 404}}, true, false},
		{fmt.Errorf("get: %w", io.EOF), false, true},
		{fmt.Errorf("get: %w", syscall.ECONNREFUSED), false, false},
		{fmt.Errorf("get: %w", syscall.ECONNREFUSED), true, true},
		{fmt.Errorf("get: %w", errPin), true, false},
		{tls.RecordHeaderError{Msg: "no TLS"}, false, false},
	} {
		if got := resultLater(c.err, c.heard); got != c.later {
			t.Errorf("%v, heard %v: %v", c.err, c.heard, got)
		}
	}
}
