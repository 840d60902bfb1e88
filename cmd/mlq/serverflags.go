package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

const defaultServer = "http://" + defaultListen

// serverFlags say which server is asked, with which token, and how it is known.
type serverFlags struct {
	cmd           *cobra.Command
	url           string
	tokenFile     string
	tlsPin        string
	allowInsecure bool
}

func bindServer(cmd *cobra.Command) *serverFlags {
	s := serverFlags{cmd: cmd}
	f := cmd.Flags()
	f.StringVar(&s.url, "server", defaultServer, "URL of the server")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the token; else it is taken from MLQ_TOKEN")
	f.StringVar(&s.tlsPin, "tls-fingerprint", "", "SHA-256 of the server's certificate, which may then sign itself")
	f.BoolVar(&s.allowInsecure, "allow-insecure", false, "send the token over plain http:// to another machine too")
	variable(f, "server", "MLQ_URL")
	variable(f, "token-file", "MLQ_TOKEN_FILE")
	variable(f, "tls-fingerprint", "MLQ_TLS_FINGERPRINT")
	return &s
}

// ofJob is the job that a command names, and the server to ask about it.
func (s *serverFlags) ofJob(text string) (*remote, scheduler.JobID, error) {
	id, err := readID(text)
	if err != nil {
		return nil, 0, err
	}
	r, err := s.remote()
	return r, id, err
}

// remote is the server of a user's command: what flags and variables do not
// say stands in the user's file.
func (s *serverFlags) remote() (*remote, error) {
	file, err := readUserConfig(userConfigPath())
	if err != nil {
		return nil, err
	}
	if file.url != "" && !s.cmd.Flags().Changed("server") {
		s.url = file.url
	}
	token, err := s.token(&file)
	if err != nil {
		return nil, err
	}
	if s.tlsPin == "" && s.isOf(&file) {
		s.tlsPin = file.tlsPin
	}
	return s.open(token)
}

// agentRemote is the server of an agent: no user's file speaks for a daemon.
func (s *serverFlags) agentRemote() (*remote, error) {
	token, err := tokenFrom(s.tokenFile)
	if err != nil {
		return nil, err
	}
	return s.open(token)
}

// token is the one that was given, else that of the user's file, which goes to
// the server that the file names, and to no other.
func (s *serverFlags) token(file *userConfig) (string, error) {
	token, err := tokenFrom(s.tokenFile)
	if err != nil || token != "" || !s.isOf(file) {
		return token, err
	}
	token, warning, err := file.secret()
	if warning != "" {
		fmt.Fprintln(s.cmd.ErrOrStderr(), "mlq:", warning)
	}
	return token, err
}

// isOf reports whether a user's file is about this server.
func (s *serverFlags) isOf(file *userConfig) bool {
	of := file.url
	if of == "" {
		of = defaultServer
	}
	return strings.TrimRight(of, "/") == strings.TrimRight(s.url, "/")
}

// open refuses what would show the token to others on its way.
func (s *serverFlags) open(token string) (*remote, error) {
	u, err := url.Parse(s.url)
	if err == nil && u.User != nil {
		return nil, misconfigured("the server's URL holds a password").with("give a token instead, in MLQ_TOKEN")
	}
	if err == nil && token != "" && u.Scheme == "http" && !loopback(u.Hostname()) && !s.allowInsecure {
		return nil, misconfigured("refusing to send a token over plain http:// to %s, where it can be read on the way", u.Hostname()).
			with("use https://, or --allow-insecure")
	}
	return newRemote(s.url, token, s.tlsPin)
}

// tokenFrom reads a token from a file, or from MLQ_TOKEN; "" where there is
// none: mlq dev needs none.
func tokenFrom(file string) (string, error) {
	if file == "" {
		return os.Getenv("MLQ_TOKEN"), nil
	}
	token, err := readTokenFile(file)
	if err != nil {
		return "", misconfigured("--token-file: %w", err)
	}
	return token, nil
}

func readTokenFile(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return token, nil
}
