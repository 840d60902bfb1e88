package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
)

// secured is a way to read a URL, for a connection over TLS. Each server's name
// is the one that it was dialled by, the sentinels' too.
func secured(read func(*url.URL) (target, error)) func(*url.URL) (target, error) {
	return func(u *url.URL) (target, error) {
		t, err := read(u)
		t.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if t.master == "" {
			t.tls.ServerName = u.Hostname()
		}
		return t, err
	}
}

// certify reads the files that a URL names: ca, whose certificates are trusted in
// place of the system's, and cert and key, with which we prove who we are. These
// two are read again for each connection, so that they can be renewed meanwhile.
func (t target) certify(options url.Values) error {
	if file := options.Get("ca"); file != "" {
		pool, err := authorities(file)
		if err != nil {
			return err
		}
		t.tls.RootCAs = pool
	}
	cert, key := options.Get("cert"), options.Get("key")
	switch {
	case cert == "" && key == "":
		return nil
	case key == "":
		return refuse("the store's URL has cert and no key: name the file of its private key too")
	case cert == "":
		return refuse("the store's URL has key and no cert: name the file of its certificate too")
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return refuse("cert and key of the store's URL: %w", err)
	}
	t.tls.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(cert, key)
		return &pair, err
	}
	return nil
}

func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, refuse("ca of the store's URL: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, refuse("ca of the store's URL: %s has no certificate (PEM)", file)
	}
	return pool, nil
}
