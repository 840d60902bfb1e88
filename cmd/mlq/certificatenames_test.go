package main

import (
	"crypto/x509"
	"net/url"
	"testing"
)

// TestSelfSignedNames: pip, which takes no fingerprint, finds the names by which
// a server is reached, and trusts the certificate alone.
func TestSelfSignedNames(t *testing.T) {
	data, err := takeData(t.TempDir(), "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer data.close()
	public, err := url.Parse("https://mlq.lab:5001")
	if err != nil {
		t.Fatal(err)
	}
	pair, _, err := (&tlsFlags{selfSigned: true}).load(data, namesOf("192.0.2.7:5001", public))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	for _, name := range []string{"mlq.lab", "192.0.2.7", "localhost", "127.0.0.1", "::1"} {
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: "elsewhere.lab"}); err == nil {
		t.Error("it names every host")
	}
}
