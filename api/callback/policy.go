package callback

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// All is the word of --callback-private for every private network.
const All = "all"

// Policy says to which addresses callbacks may go: to public ones, and to those
// private ones that the admin named. The zero Policy has no private ones.
type Policy struct {
	all     bool
	private []netip.Prefix
}

// ReadPolicy reads private networks (10.1.0.0/16), single addresses, or All.
func ReadPolicy(private []string) (Policy, error) {
	var p Policy
	for _, text := range private {
		if text == All {
			p.all = true
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, bad := netip.ParseAddr(text); bad == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return p, fmt.Errorf("%q: want a network, as 10.1.0.0/16, an address, or %s", text, All)
		}
		p.private = append(p.private, prefix.Masked())
	}
	return p, nil
}

// never are addresses that no admin can allow. Those that give out credentials
// of the machine, or are the machine itself by another name, or no single machine.
// Sources: the IANA special-purpose registries (RFC 6890); for the services of metadata
// the vendors' documentation: AWS, GCP and Azure (the same link-local address; AWS fd00:ec2::254,
// GCP fd20:ce::254), Azure's WireServer 168.63.129.16, Alibaba 100.100.100.200, Oracle 192.0.0.192.
var never = prefixes(
	"0.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "ff00::/8",
)

// inner are networks that are nobody's in the internet: an admin has to allow them.
var inner = prefixes(
	"10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15",
)

// outer are the public addresses of IPv6; all others are as private ones.
var outer = prefixes("2000::/3")

// hidden are prefixes of IPv6 with an address of IPv4 inside, and at which byte:
// NAT64 (RFC 6052) and 6to4 (RFC 3056).
var hidden = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12,
	netip.MustParsePrefix("2002::/16"):    2,
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func within(addr netip.Addr, nets []netip.Prefix) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Check refuses an address that callbacks may not go to.
func (p Policy) Check(addr netip.Addr) error {
	addr = plain(addr)
	switch {
	case within(addr, never):
		return fmt.Errorf("%s is an address that callbacks never go to", addr)
	case !private(addr) || p.all || within(addr, p.private):
		return nil
	}
	return fmt.Errorf("%s is not a public address, and this server sends callbacks to no other (--callback-private)", addr)
}

func private(addr netip.Addr) bool {
	if addr.Is4() {
		return within(addr, inner)
	}
	return !within(addr, outer)
}

// plain is the address that is reached in the end.
func plain(addr netip.Addr) netip.Addr {
	addr = addr.WithZone("").Unmap()
	for prefix, at := range hidden {
		if prefix.Contains(addr) {
			b := addr.As16()
			return netip.AddrFrom4([4]byte(b[at : at+4]))
		}
	}
	return addr
}

// CheckURL refuses a URL whose host is an address that callbacks may not go to.
// What a name stands for is seen when it is dialled.
func (p Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(strings.Trim(u.Hostname(), "[]")); err == nil {
		return p.Check(addr)
	}
	return nil
}
