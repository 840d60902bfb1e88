package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// warnOfEnd tells in the log of a certificate that no client takes now, but one that compares its
// fingerprint: the server serves it all the same, for the clock may be what is wrong.
func warnOfEnd(pair tls.Certificate, file string, log zerolog.Logger) {
	if why := outOfTime(pair, time.Now()); why != "" {
		log.Warn().Str("file", file).Msg("clients will refuse the server's certificate: " + why)
	}
}

// outOfTime says what of a certificate and its chain is not valid now; "": nothing.
func outOfTime(pair tls.Certificate, now time.Time) string {
	for i, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue // of the chain: what signs nothing that clients need is no matter
		}
		which := "it"
		if i > 0 {
			which = fmt.Sprintf("certificate %d of its file", i+1)
		}
		switch {
		case now.After(c.NotAfter):
			return which + " ended at " + c.NotAfter.UTC().Format(time.RFC3339)
		case now.Before(c.NotBefore):
			return which + " begins at " + c.NotBefore.UTC().Format(time.RFC3339)
		}
	}
	return ""
}
