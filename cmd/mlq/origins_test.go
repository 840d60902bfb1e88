package main

import "testing"

func TestCheckOrigins(t *testing.T) {
	for _, fine := range []string{"https://lab.example.org", "http://10.0.0.5:8888", "http://[::1]:8888"} {
		if err := checkOrigins([]string{fine}); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
	for _, wrong := range []string{
		"*", "null", "", "lab.example.org", "https://", "https://lab.example.org/", "https://lab.example.org/lab", "ftp://lab", "https://a@lab", "https://lab?x", "HTTPS://lab",
	} {
		if checkOrigins([]string{"https://fine", wrong}) == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
