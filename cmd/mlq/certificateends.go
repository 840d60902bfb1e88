package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// warnOfEnd tells in the log of a certificate that clients do not take now, but those that compare its
// fingerprint: the server serves it all the same, for the clock may be what is wrong.
func warnOfEnd(pair tls.Certificate, file string, log zerolog.Logger) {
	if why := outOfTime(pair, time.Now()); why != "" {
		log.Warn().Str("file", file).Msg(why)
	}
}

// outOfTime says what of a certificate and its chain is not valid now, and what clients do then;
// "": nothing. Of the chain a client may know another way to an authority.
func outOfTime(pair tls.Certificate, now time.Time) string {
	for i, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue // of the chain: what signs nothing that clients need is no matter
		}
		told := "clients will refuse the server's certificate: it"
		if i > 0 {
			told = fmt.Sprintf("clients may refuse the server's certificate: certificate %d of its file", i+1)
		}
		switch {
		case now.After(c.NotAfter):
			return told + " ended at " + c.NotAfter.UTC().Format(time.RFC3339)
		case now.Before(c.NotBefore):
			return told + " begins at " + c.NotBefore.UTC().Format(time.RFC3339)
		}
	}
	return ""
}
