package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestListenRules(t *testing.T) {
	for _, c := range []struct {
		listen string
		flags  tlsFlags
		ok     bool
	}{
		{"127.0.0.1:5001", tlsFlags{}, true},
		{"[::1]:5001", tlsFlags{}, true},
		{"localhost:5001", tlsFlags{}, true},
		{"0.0.0.0:5001", tlsFlags{}, false},
		{":5001", tlsFlags{}, false},
		{"gpu1.lab:5001", tlsFlags{}, false},
		{"0.0.0.0:5001", tlsFlags{selfSigned: true}, true},
		{"0.0.0.0:5001", tlsFlags{cert: "c.pem"}, true},
		{"0.0.0.0:5001", tlsFlags{behindProxy: true}, true},
		{"127.0.0.1:5001", tlsFlags{key: "k.pem"}, false},
		{"127.0.0.1:5001", tlsFlags{cert: "c.pem", selfSigned: true}, false},
	} {
		if err := c.flags.check(c.listen); (err == nil) != c.ok {
			t.Errorf("%s with %+v: %v", c.listen, c.flags, err)
		}
	}
}

func TestSelfSignedStaysTheSame(t *testing.T) {
	data, err := takeData(t.TempDir(), "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer data.close()
	flags := tlsFlags{selfSigned: true}
	first, _, err := flags.load(data, certificateNames{hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := flags.load(data, certificateNames{hosts: []string{"localhost"}})
	if err != nil || fingerprint(first) != fingerprint(second) {
		t.Errorf("a second start made another certificate: %v", err)
	}
}

// TestOutOfTime: a certificate that clients do not take, its own or one of its chain's, is told of with
// the date.
func TestOutOfTime(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	good, ended, early := certificateOf(t, day(1), day(9)), certificateOf(t, day(1), day(4)), certificateOf(t, day(6), day(9))
	for name, c := range map[string]struct {
		chain [][]byte
		want  string
	}{
		"good":           {[][]byte{good}, ""},
		"good chain":     {[][]byte{good, good}, ""},
		"ended":          {[][]byte{ended}, "clients will refuse the server's certificate: it ended at 2026-03-04T12:00:00Z"},
		"not yet":        {[][]byte{early, good}, "clients will refuse the server's certificate: it begins at 2026-03-06T12:00:00Z"},
		"chain":          {[][]byte{good, ended}, "clients may refuse the server's certificate: certificate 2 of its file ended at 2026-03-04T12:00:00Z"},
		"cannot be read": {[][]byte{good, []byte("x")}, ""},
	} {
		got := outOfTime(tls.Certificate{Certificate: c.chain}, day(5))
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestServedOutOfTime: the server starts, and the log tells.
func TestServedOutOfTime(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		until time.Time
		warns bool
	}{{now.Add(-time.Hour), true}, {now.Add(time.Hour), false}} {
		file := filepath.Join(t.TempDir(), "server.pem")
		der, key := certifiedBy(t, now.Add(-48*time.Hour), c.until)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		flags := tlsFlags{cert: file}
		if config, _, err := flags.config(nil, certificateNames{}, zerolog.New(&log)); err != nil || len(config.Certificates) != 1 {
			t.Errorf("%v, %v", config, err)
		}
		words := []string{`"level":"warn"`, file, "ended at " + c.until.UTC().Format(time.RFC3339)}
		for _, word := range words {
			if strings.Contains(log.String(), word) != c.warns {
				t.Errorf("until %s: %q", c.until, log.String())
			}
		}
	}
}

func certificateOf(t *testing.T, from, until time.Time) []byte {
	t.Helper()
	der, _ := certifiedBy(t, from, until)
	return der
}

func certifiedBy(t *testing.T, from, until time.Time) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := certificateNames{hosts: []string{"localhost"}}.certificate(from)
	template.NotBefore, template.NotAfter = from, until
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}
