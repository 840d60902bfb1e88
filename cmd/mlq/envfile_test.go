package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.env")
	t.Setenv("MLQ_NAME", "")
	t.Setenv("MLQ_URL", "https://set.before")
	for text, want := range map[string]string{
		"# a comment\n\nMLQ_NAME=gpu1\nMLQ_URL=https://other\n": "",
		envLine(setting{"MLQ_NAME", "a name with blanks"}):      "",
		"MLQ_NAME='gpu1'\n": "line 1: want MLQ_NAME=VALUE",
		"PATH=/bin\n":       "line 1: want MLQ_NAME=VALUE",
		"\nexport MLQ_A=1":  "line 2: want MLQ_NAME=VALUE",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Unsetenv("MLQ_NAME")
		cmd := newAgent(stdio())
		if err := cmd.Flags().Set("env-file", path); err != nil {
			t.Fatal(err)
		}
		err := readEnvFile(cmd)
		if want == "" && (err != nil || os.Getenv("MLQ_NAME") == "") {
			t.Errorf("%q: %v, MLQ_NAME is %q", text, err, os.Getenv("MLQ_NAME"))
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if url := os.Getenv("MLQ_URL"); url != "https://set.before" {
		t.Errorf("the file took the place of the environment: %s", url)
	}
}
