package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const somePin = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

// inHome writes a user's file, with a token in a file of its own.
func inHome(t *testing.T, text string) {
	t.Helper()
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": "", "MLQ_URL": "", "MLQ_TOKEN": "", "MLQ_TOKEN_FILE": "", "MLQ_TLS_FINGERPRINT": "",
	} {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{".config/mlq/config.toml": text, "token": "of-the-file\n"} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// asked is the server that a command line means, and what it printed.
func asked(t *testing.T, args ...string) (r *remote, said string, err error) {
	t.Helper()
	var printed bytes.Buffer
	cmd := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
	cmd.SetErr(&printed)
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := readVariables(cmd); err != nil {
			return err
		}
		r, err = server.remote()
		return err
	}
	cmd.SetArgs(args)
	err = cmd.Execute()
	return r, printed.String(), err
}

func TestUserConfig(t *testing.T) {
	const lab = "# the lab\nurl = 'https://lab.example/'  # ours\ntoken_file = \"~/token\"\n\ntls_fingerprint = \"" + somePin + "\"\n"
	for _, c := range []struct {
		name, file       string
		env              map[string]string
		args             []string
		base, token, pin string
	}{
		{name: "no file", base: defaultServer},
		{name: "all of the file", file: lab, base: "https://lab.example", token: "of-the-file", pin: somePin},
		{name: "its server, named", file: lab, args: []string{"--server", "https://lab.example"}, base: "https://lab.example", token: "of-the-file", pin: somePin},
		{name: "another server gets nothing of it", file: lab, args: []string{"--server", "https://other"}, base: "https://other"},
		{name: "nor one in a variable", file: lab, env: map[string]string{"MLQ_URL": "https://other"}, base: "https://other"},
		{
			name: "variables win", file: lab, env: map[string]string{"MLQ_TOKEN": "mine", "MLQ_TLS_FINGERPRINT": strings.ToLower(somePin)},
			base: "https://lab.example", token: "mine", pin: strings.ToLower(somePin),
		},
		{name: "a token alone is of the default server", file: `token = "local"`, base: defaultServer, token: "local"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHome(t, c.file)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			r, said, err := asked(t, c.args...)
			if err != nil || said != "" {
				t.Fatal(err, said)
			}
			if r.base != c.base || r.token != c.token || r.fingerprint != c.pin {
				t.Errorf("%s, token %q, pin %q; want %s, %q, %q", r.base, r.token, r.fingerprint, c.base, c.token, c.pin)
			}
		})
	}
}

func TestUserConfigRefuses(t *testing.T) {
	for _, line := range []string{"url", "[server]", `colour = "red"`, "url = 3", `url = "a" "b"`, `token_file = "/nowhere/token"`} {
		inHome(t, "token_file = \"~/token\"\n"+line+"\n")
		_, _, err := asked(t)
		var e *exit
		if !errors.As(err, &e) || e.code != exitConfig || !strings.Contains(err.Error(), "config.toml") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestATokenThatOthersCanReadIsWarnedOf(t *testing.T) {
	inHome(t, `token_file = "~/token"`)
	path := filepath.Join(os.Getenv("HOME"), "token")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, said, err := asked(t); err != nil || !strings.Contains(said, "mode 0644): chmod 600 "+path) {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestNoTokenInTheClear(t *testing.T) {
	inHome(t, "")
	t.Setenv("MLQ_TOKEN", "secret")
	for _, c := range []struct {
		args []string
		ok   bool
	}{
		{[]string{"--server", "http://127.0.0.1:1"}, true},
		{[]string{"--server", "http://[::1]:1"}, true},
		{[]string{"--server", "https://gpu.example"}, true},
		{[]string{"--server", "http://gpu.example"}, false},
		{[]string{"--server", "http://gpu.example", "--allow-insecure"}, true},
		{[]string{"--server", "https://ana:pw@gpu.example"}, false},
	} {
		_, _, err := asked(t, c.args...)
		if (err == nil) != c.ok || err != nil && strings.Contains(err.Error(), "pw@") {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}

func TestReadPin(t *testing.T) {
	for _, text := range []string{somePin, strings.ToLower(somePin), "sha256:" + somePin, strings.Replace(somePin, "0011", "00:11:", 1)} {
		if p, err := readPin(text); err != nil || p[1] != 0x11 || p[31] != 0xff {
			t.Errorf("%s: %x, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "00", somePin + "00", somePin[2:], "zz" + somePin[2:]} {
		if p, err := readPin(text); err == nil {
			t.Errorf("%q: %x", text, p)
		}
	}
}
