package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
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
	for _, base := range []string{nobody, "http://no-such-host.invalid:1", untrusted.URL} {
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
