package main

import (
	"encoding/pem"
	"os"
)

// certificateFile, beside the user's file, is for pip --cert, which takes no
// fingerprints: the server's certificate, then the machine's authorities, so
// that with it pip still reaches its package index.
const certificateFile = "ca.pem"

// authorities are where systems keep those that they trust, as Go looks for them.
var authorities = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // SUSE
	"/etc/ssl/cert.pem",                  // Alpine, macOS
}

func saveCertificate(path string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for _, file := range authorities {
		if more, err := os.ReadFile(file); err == nil {
			text = append(text, more...)
			break
		}
	}
	return writeSecret(path, text)
}
