package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestHoldOffBehindSentinel: a server holds old jobs back for as long as a master
// that was cut off may have gone on, on top of the protocol's time.
func TestHoldOffBehindSentinel(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--min-replicas-max-lag", "7")
	sentinel := redistest.Sentinel(t, master, "main")
	for url, want := range map[string]time.Duration{
		master.URL("alone"): 75 * time.Second,
		fmt.Sprintf("redis+sentinel://%s/main/0?namespace=watched", sentinel.Addr()): 82 * time.Second,
		"memory:": 75 * time.Second,
	} {
		if got := servedOn(t, url).scheduler.Timing().HoldOff; got != want {
			t.Errorf("%s: the hold-off is %s, want %s", url, got, want)
		}
	}
}

// TestSelfSignedServesHTTP2: as curl and browsers ask for it.
func TestSelfSignedServesHTTP2(t *testing.T) {
	t.Parallel()
	s := servedOn(t, "memory:", func(c *serverConfig) { c.tls = &tlsFlags{selfSigned: true} })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(ctx, s.listener) }()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Get(s.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.Proto != "HTTP/2.0" || response.StatusCode != http.StatusOK {
		t.Errorf("%s %s, %v", response.Proto, response.Status, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// servedOn opens a server on a store.
func servedOn(t *testing.T, url string, change ...func(*serverConfig)) *server {
	t.Helper()
	data, err := takeData(t.TempDir(), "serve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = data.close() })
	c := serverConfig{data: data, blobs: t.TempDir(), listen: "127.0.0.1:0", log: zerolog.Nop()}
	if c.store, err = readStoreURL(url, ""); err != nil {
		t.Fatal(err)
	}
	if c.timing, err = timing(1); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&c)
	}
	s, err := newServer(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}
