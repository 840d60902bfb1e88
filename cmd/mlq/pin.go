package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// errPin is an answer from somebody with another certificate than the one that
// was named: a new one, or somebody in between.
var errPin = errors.New("the server has another certificate than the one that was named")

// pin is the SHA-256 of the one certificate that is trusted.
type pin [sha256.Size]byte

// readPin reads a fingerprint as servers print it: hexadecimal, in either case,
// with or without colons and "sha256:".
func readPin(text string) (p pin, err error) {
	digits := strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(text), "sha256:"), ":", "")
	if n, err := hex.Decode(p[:], []byte(digits[:min(len(digits), 2*len(p))])); err != nil || n != len(p) || len(digits) != 2*n {
		return p, fmt.Errorf("want the SHA-256 of a certificate, 64 hexadecimal digits")
	}
	return p, nil
}

// config trusts that certificate and no other. Its names, dates and signer do
// not matter: nobody else has its key.
func (p pin) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is what verifies, at resumptions too
		VerifyConnection:   p.verify,
	}
}

func (p pin) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errPin
	}
	if sum := sha256.Sum256(state.PeerCertificates[0].Raw); !bytes.Equal(sum[:], p[:]) {
		return errPin
	}
	return nil
}
