package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestShownPassword: whatever the command, a password on its line is refused, and not repeated.
func TestShownPassword(t *testing.T) {
	for _, c := range []struct {
		url     string
		refused bool
	}{
		{"redis://mlq:hunter2@redis.lab:6379/0", true},
		{"redis://:hunter2@redis.lab", true},
		{"rediss://mlq:hunter2@redis.lab?namespace=lab", true},
		{"redis+sentinel://mlq:hunter2@a:1,b:2/m/0", true},
		{"redis+sentinel://a:1,b:2/m/0?sentinel_user=eva&sentinel_password=hunter2", true},
		{"unix://mlq:hunter2@/run/redis.sock", true},
		{"redis://mlq:hunter/2@redis.lab", true},
		{"redis://mlq@127.0.0.1:1/0", false},
		{"redis://mlq:@127.0.0.1:1/0", false},
		{"redis://127.0.0.1:1/0", false},
	} {
		for _, command := range [][]string{{"serve"}, {"agent", "--server", "http://127.0.0.1:1"}, {"clear", "--namespace", "n"}} {
			var out bytes.Buffer
			io := streams{in: strings.NewReader(""), out: &out, err: &out}
			err := execute(t.Context(), io, append(command, "--store", c.url, "--data", t.TempDir()))
			var e *exit
			refused := errors.As(err, &e) && e.code == exitConfig && strings.Contains(err.Error(), "everybody on this machine")
			if refused != c.refused {
				t.Errorf("mlq %s --store %s: %v", command[0], c.url, err)
			}
			if strings.Contains(out.String()+err.Error(), "hunter") {
				t.Errorf("mlq %s repeats the password: %v %s", command[0], err, out.String())
			}
		}
	}
}
