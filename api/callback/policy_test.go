package callback_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api/callback"
)

func policy(t *testing.T, private ...string) callback.Policy {
	t.Helper()
	p, err := callback.ReadPolicy(private)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAddresses: by default, with one network allowed, and with all.
func TestAddresses(t *testing.T) {
	none, one, all := policy(t), policy(t, "10.1.0.0/16", "::1"), policy(t, callback.All)
	for text, want := range map[string][3]bool{
		"93.184.216.34": {true, true, true}, "2606:2800:220:1::1": {true, true, true}, "::ffff:93.184.216.34": {true, true, true},
		"10.1.2.3": {false, true, true}, "::ffff:10.1.2.3": {false, true, true}, "::1": {false, true, true},
		"64:ff9b::10.1.2.3": {false, true, true}, "2002:a01:203::1": {false, true, true},
		"10.2.0.1": {false, false, true}, "127.0.0.1": {false, false, true}, "127.9.9.9": {false, false, true}, "172.16.0.1": {false, false, true},
		"192.168.1.1": {false, false, true}, "100.64.0.1": {false, false, true}, "198.18.0.1": {false, false, true}, "fd12::1": {false, false, true},
		"::ffff:127.0.0.1": {false, false, true}, "64:ff9b::7f00:1": {false, false, true}, "fec0::1": {false, false, true},
		"169.254.169.254": {}, "169.254.1.1": {}, "::ffff:169.254.169.254": {}, "64:ff9b::a9fe:a9fe": {}, "2002:a9fe:a9fe::": {},
		"fd00:ec2::254": {}, "fd20:ce::254": {}, "fe80::1": {}, "fe80::1%eth0": {}, "168.63.129.16": {}, "100.100.100.200": {}, "192.0.0.192": {},
		"0.0.0.0": {}, "0.1.2.3": {}, "::": {}, "224.0.0.1": {}, "255.255.255.255": {}, "ff02::1": {},
	} {
		for i, p := range []callback.Policy{none, one, all} {
			if err := p.Check(netip.MustParseAddr(text)); (err == nil) != want[i] {
				t.Errorf("%s under policy %d: %v, want allowed %v", text, i, err, want[i])
			}
		}
	}
}

func TestPolicyCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "lab", "10.0.0.0/8 ", "http://10.0.0.1"} {
		if _, err := callback.ReadPolicy([]string{text}); err == nil || !strings.Contains(err.Error(), "10.1.0.0/16") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	none := policy(t)
	for text, ok := range map[string]bool{
		"http://127.0.0.1:5000/": false, "http://[::1]/": false, "http://169.254.169.254/latest/": false, "http://[fe80::1%25eth0]/": false,
		"https://93.184.216.34/x": true, "http://app.example.org/": true, "http://localhost/": true, // its address is seen when it is dialled
	} {
		if err := none.CheckURL(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
