package main

import (
	"strings"
	"testing"
)

func TestAsRoot(t *testing.T) {
	for _, c := range []struct {
		euid  int
		runAs string
		warns bool
	}{
		{0, "", true},
		{0, "self", false},
		{0, "submitter", false},
		{0, "ana", false},
		{1000, "", false},
	} {
		if got := asRoot(c.euid, c.runAs); strings.Contains(got, "--run-as submitter") != c.warns {
			t.Errorf("user %d with --run-as %q: %q", c.euid, c.runAs, got)
		}
	}
}
