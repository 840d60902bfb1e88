package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestCompletion: what a shell is told, as it asks.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"jobs --state ":            "scheduled queued leased running succeeded failed cancelled :4",
		"jobs --state ru":          "scheduled queued leased running succeeded failed cancelled :4", // the shell picks
		"jobs -o ":                 "table json :4",
		"token create --role ":     "user agent admin metrics server :4",
		"lease revoke 1 --then re": "cancel requeue :4",
		"serve --log-level ":       "debug info warn error :4",
		"login --token-file ":      ":0",
		"host ad":                  "add :4",
		"agent joi":                "join :4",
	} {
		var out bytes.Buffer
		root := newRoot(streams{out: &out, err: &bytes.Buffer{}})
		root.SetArgs(append([]string{"__completeNoDesc"}, strings.Split(line, " ")...))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); got != want {
			t.Errorf("mlq %s<TAB>: %q, want %q", line, got, want)
		}
	}
}
