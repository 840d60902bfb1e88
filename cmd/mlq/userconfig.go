package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// userConfig is the file of a user who does not want to name server and token
// each time. The Python client reads the same one in the same way.
type userConfig struct {
	path                          string
	url, token, tokenFile, tlsPin string
}

// configLine is a line of the file: TOML's `name = "value"`, and no more of it.
var configLine = regexp.MustCompile(`^\s*([A-Za-z_]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?$`)

// userConfigPath is where the file is, whether it exists or not; "" where the
// user has no home.
func userConfigPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "mlq", "config.toml")
}

// readUserConfig reads the file; one that does not exist says nothing.
func readUserConfig(path string) (userConfig, error) {
	c := userConfig{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, misconfigured("%w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if err := c.readLine(line); err != nil {
			return c, misconfigured("%s, line %d: %w", path, i+1, err)
		}
	}
	return c, nil
}

func (c *userConfig) readLine(line string) error {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return nil
	}
	const want = `want name = "value" with one of token, token_file, tls_fingerprint, url`
	found := configLine.FindStringSubmatch(line)
	if found == nil {
		return errors.New(want)
	}
	value := found[2] + found[3] // one of them is empty
	switch found[1] {
	case "url":
		c.url = value
	case "token":
		c.token = value
	case "token_file":
		c.tokenFile = value
	case "tls_fingerprint":
		c.tlsPin = value
	default:
		return errors.New(want)
	}
	return nil
}

// secret is the token that the file has or names, and a warning if others can
// read it.
func (c *userConfig) secret() (token, warning string, err error) {
	at := c.path
	switch token = c.token; {
	case token != "":
	case c.tokenFile == "":
		return "", "", nil
	default:
		at = expandHome(c.tokenFile)
		if token, err = readTokenFile(at); err != nil {
			return "", "", misconfigured("%s: token_file: %w", c.path, err)
		}
	}
	info, err := os.Stat(at)
	if err != nil {
		return "", "", misconfigured("%w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		warning = fmt.Sprintf("%s holds a token and others can read it (mode %04o): chmod 600 %s", at, mode, at)
	}
	return token, warning, nil
}

func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if home, err := os.UserHomeDir(); ok && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}
