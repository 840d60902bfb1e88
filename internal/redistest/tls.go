package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLS starts a server that speaks TLS only, with a certificate of its own for
// 127.0.0.1, which is in the file it returns, with its key in key.pem beside it. It
// is its own authority: with --tls-auth-clients yes it lets in who shows it again.
// Further arguments are those of redis-server.
func TLS(t testing.TB, args ...string) (s *Server, certFile string) {
	t.Helper()
	cert, key := Certificate(t)
	return started(t, func() (*Server, error) {
		return launch("Ready to accept connections", func(port int, _ string) ([]string, error) {
			return append([]string{
				"--port", "0", "--tls-port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "",
				"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no",
			}, args...), nil
		})
	}), cert
}

// Certificate makes a certificate that signs itself, and its key.
func Certificate(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := selfSigned(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func selfSigned(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "redistest"},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},

		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	return errors.Join(err, writePEM(certFile, "CERTIFICATE", cert), writePEM(keyFile, "EC PRIVATE KEY", secret))
}

func writePEM(path, kind string, bytes []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
}
