package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// tlsFlags say how connections are protected.
type tlsFlags struct {
	cert, key   string
	selfSigned  bool
	behindProxy bool
}

func bindTLS(cmd *cobra.Command) *tlsFlags {
	var t tlsFlags
	f := cmd.Flags()
	f.StringVar(&t.cert, "tls-cert", "", "certificate to serve HTTPS with (PEM, with its chain)")
	f.StringVar(&t.key, "tls-key", "", "its private key (PEM); default: in the file of --tls-cert")
	f.BoolVar(&t.selfSigned, "tls-self-signed", false, "make a certificate, kept in DATA/tls, and print its fingerprint")
	f.BoolVar(&t.behindProxy, "behind-tls-proxy", false, "a proxy in front of this server does TLS")
	variable(f, "tls-cert", "MLQ_TLS_CERT")
	variable(f, "tls-key", "MLQ_TLS_KEY")
	variable(f, "tls-self-signed", "MLQ_TLS_SELF_SIGNED")
	variable(f, "behind-tls-proxy", "MLQ_BEHIND_TLS_PROXY")
	return &t
}

// check refuses combinations that would send tokens in the clear.
func (t *tlsFlags) check(listen string) error {
	chosen := 0
	for _, given := range []bool{t.cert != "", t.selfSigned, t.behindProxy} {
		if given {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return misconfigured("--tls-cert, --tls-self-signed and --behind-tls-proxy exclude each other")
	case t.key != "" && t.cert == "":
		return misconfigured("--tls-key needs --tls-cert")
	case chosen == 0 && !loopbackOnly(listen):
		return misconfigured("--listen %s is beyond loopback, where tokens need TLS", listen).
			with("add --tls-cert FILE, --tls-self-signed or --behind-tls-proxy")
	}
	return nil
}

// config is nil where no TLS is wanted; else it comes with the certificate's fingerprint.
func (t *tlsFlags) config(data *dataFolder, names certificateNames, log zerolog.Logger) (*tls.Config, string, error) {
	if t.cert == "" && !t.selfSigned {
		return nil, "", nil
	}
	pair, file, err := t.load(data, names)
	if err != nil {
		return nil, "", err
	}
	warnOfEnd(pair, file, log)
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, fingerprint(pair), nil
}

// load reads the certificate, and tells in which file it is.
func (t *tlsFlags) load(data *dataFolder, names certificateNames) (pair tls.Certificate, cert string, err error) {
	cert, key := t.cert, t.key
	if t.selfSigned {
		cert, key = data.join("tls", "cert.pem"), data.join("tls", "key.pem")
		if err := selfSign(data.join("tls"), cert, key, names); err != nil {
			return pair, cert, fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	if key == "" {
		key = cert
	}
	pair, err = tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return pair, cert, misconfigured("certificate %s with key %s: %w", cert, key, err)
	}
	if t.selfSigned && !signsItself(pair) {
		return pair, cert, misconfigured("the certificate %s is damaged", cert).
			with("bring %s back from a backup, so that pins stay valid; or remove it, and a new one is made, whose fingerprint everybody needs", data.join("tls"))
	}
	return pair, cert, nil
}

// signsItself: a byte that is another leaves a certificate that can be read, with another fingerprint.
func signsItself(pair tls.Certificate) bool {
	c, err := x509.ParseCertificate(pair.Certificate[0])
	return err == nil && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// fingerprint is what a person compares: the certificate's SHA-256, in pairs.
func fingerprint(pair tls.Certificate) string {
	sum := sha256.Sum256(pair.Certificate[0])
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// selfSign makes a certificate, once: a new one at each start would make every
// client ask again.
func selfSign(dir, cert, key string, names certificateNames) error {
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := names.certificate(time.Now())
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	// The key first: a certificate without its key would never be made again.
	if err := writePEM(key, "PRIVATE KEY", encoded); err != nil {
		return err
	}
	return writePEM(cert, "CERTIFICATE", der)
}

func writePEM(path, kind string, bytes []byte) error {
	return writeSecret(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}
