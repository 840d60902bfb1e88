package main

import (
	"testing"
)

func TestListenRules(t *testing.T) {
	for _, c := range []struct {
		listen string
		flags  tlsFlags
		ok     bool
	}{
		{"127.0.0.1:5001", tlsFlags{}, true},
		{"[::1]:5001", tlsFlags{}, true},
		{"localhost:5001", tlsFlags{}, true},
		{"0.0.0.0:5001", tlsFlags{}, false},
		{":5001", tlsFlags{}, false},
		{"gpu1.lab:5001", tlsFlags{}, false},
		{"0.0.0.0:5001", tlsFlags{selfSigned: true}, true},
		{"0.0.0.0:5001", tlsFlags{cert: "c.pem"}, true},
		{"0.0.0.0:5001", tlsFlags{behindProxy: true}, true},
		{"127.0.0.1:5001", tlsFlags{key: "k.pem"}, false},
		{"127.0.0.1:5001", tlsFlags{cert: "c.pem", selfSigned: true}, false},
	} {
		if err := c.flags.check(c.listen); (err == nil) != c.ok {
			t.Errorf("%s with %+v: %v", c.listen, c.flags, err)
		}
	}
}

func TestSelfSignedStaysTheSame(t *testing.T) {
	data, err := takeData(t.TempDir(), "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer data.close()
	flags := tlsFlags{selfSigned: true}
	first, err := flags.load(data, certificateNames{hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := flags.load(data, certificateNames{hosts: []string{"localhost"}})
	if err != nil || fingerprint(first) != fingerprint(second) {
		t.Errorf("a second start made another certificate: %v", err)
	}
}
