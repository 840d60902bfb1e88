package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestBlobsFromCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		flags  blobsFrom
		folder string
		ok     bool
	}{
		{"not given", blobsFrom{}, "", true},
		{"a folder", blobsFrom{}, "/b", true},
		{"TLS", blobsFrom{url: "https://10.0.0.5:5001"}, "", true},
		{"this machine", blobsFrom{url: "http://127.0.0.1:5001"}, "", true},
		{"told to", blobsFrom{url: "http://10.0.0.5:5001", insecure: true}, "", true},
		{"in the clear", blobsFrom{url: "http://10.0.0.5:5001"}, "", false},
		{"both", blobsFrom{url: "https://10.0.0.5:5001"}, "/b", false},
		{"no URL", blobsFrom{url: "10.0.0.5:5001"}, "", false},
		{"a password", blobsFrom{url: "https://a:b@10.0.0.5"}, "", false},
		{"no fingerprint", blobsFrom{url: "https://10.0.0.5", fingerprint: "F3:0A"}, "", false},
	} {
		_, err := c.flags.check(c.folder)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && classify(err).code != exitConfig {
			t.Errorf("%s: exit code %d", c.name, classify(err).code)
		}
	}
}

// TestBlobsFromPin: the certificate that was named is taken, and no other.
func TestBlobsFromPin(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	server.StartTLS()
	defer server.Close()
	own := fingerprint(tls.Certificate{Certificate: [][]byte{server.Certificate().Raw}})
	other := "00" + own[2:]
	for pinned, ok := range map[string]bool{own: true, other: false, "": false} {
		flags := blobsFrom{url: server.URL, fingerprint: pinned}
		response, err := flags.client().Get(server.URL)
		if (err == nil) != ok {
			t.Errorf("pinned %q: %v", pinned, err)
		}
		if pinned == other && !errors.Is(err, errPin) {
			t.Errorf("another certificate: %v", err)
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
}
