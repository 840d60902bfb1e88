package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWrongSettingsStartNothing: each command says what is wrong with a setting of
// its agent before it takes its data folder, opens a store or asks a driver.
func TestWrongSettingsStartNothing(t *testing.T) {
	for flag, want := range map[string]string{
		"--isolation=bogus":                  `isolation "bogus": want auto, none, cgroup or systemd`,
		"--job-memory=1MiB":                  "want at least 64MiB",
		"--job-processes=-1":                 "want at least 8",
		"--tolerate-foreign-mib=-1":          "want from 0 to 1048576 MiB",
		"--tolerate-foreign-mib=85899345920": "want from 0 to 1048576 MiB",
		"--run-as=nobody-has-this-name":      "nobody-has-this-name",
		"--label=gpu":                        "want KEY=VALUE",
		"--python==":                         "--python",
		"--name=a b":                         `host name "a b"`,
	} {
		for _, command := range [][]string{{"dev"}, {"serve", "--with-agent"}, {"agent", "--server", "http://127.0.0.1:1"}} {
			data := filepath.Join(t.TempDir(), "data")
			root := newRoot(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
			root.SetArgs(append(command, "--gpus", "nvml", "--data", data, flag))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			err := root.ExecuteContext(ctx)
			cancel()
			if err == nil || !strings.Contains(err.Error(), want) || classify(err).code != exitConfig {
				t.Errorf("%s %s: %v", command[0], flag, err)
			}
			if _, err := os.Stat(data); err == nil {
				t.Errorf("%s %s: it has begun", command[0], flag)
			}
		}
	}
}
