package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"os"
	"slices"
	"time"
)

// certificateNames are the names by which a server is reached. Who names the
// certificate's fingerprint needs none of them; pip, which cannot, looks.
type certificateNames struct {
	hosts     []string
	addresses []net.IP
}

// namesOf gathers the names of a server: those of this machine, the address
// that it listens on, and how users name it.
func namesOf(listen string, public *url.URL) certificateNames {
	n := certificateNames{hosts: []string{"localhost"}, addresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	if name, err := os.Hostname(); err == nil {
		n.add(name)
	}
	if host, _, err := net.SplitHostPort(listen); err == nil {
		n.add(host)
	}
	if public != nil {
		n.add(public.Hostname())
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return n // a certificate without them is one all the same
	}
	for _, address := range local {
		if network, ok := address.(*net.IPNet); ok {
			n.add(network.IP.String())
		}
	}
	return n
}

// add adds a host's name or address, once.
func (n *certificateNames) add(host string) {
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && (ip.IsUnspecified() || slices.ContainsFunc(n.addresses, ip.Equal)):
	case ip != nil:
		n.addresses = append(n.addresses, ip)
	case !slices.Contains(n.hosts, host):
		n.hosts = append(n.hosts, host)
	}
}

// certificate is what signs itself: its own authority, so that a client can be
// told to trust it and nobody else.
func (n certificateNames) certificate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "mlq on " + n.hosts[min(1, len(n.hosts)-1)]},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		DNSNames:              n.hosts,
		IPAddresses:           n.addresses,
	}
}
