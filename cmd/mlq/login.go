package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlq-dev/mlq/api"
)

const loginLong = `Check a server's certificate and your token, and write both into
~/.config/mlq/config.toml, which the command line and Python read. The token is
asked for on the terminal, or read from standard input or a file.`

// loginFlags are the settings of mlq login.
type loginFlags struct{ pin, tokenFile string }

func newLogin(io streams) *cobra.Command {
	var l loginFlags
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Use a server from now on: write its address and your token into your file",
		Long:  loginLong,
		Example: `  mlq login https://mlq.lab:5001 --pin sha256:…
  mlq login https://mlq.lab < token`,
		Args: exactly(1, "the URL of one server"),
	}
	cmd.Flags().StringVar(&l.pin, "pin", "", "SHA-256 of the server's certificate, which may then sign itself")
	cmd.Flags().StringVar(&l.tokenFile, "token-file", "", "file with the token; else it is asked for, or read from standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), io, args[0]) }
	return cmd
}

func (l *loginFlags) run(ctx context.Context, io streams, base string) error {
	path := userConfigPath()
	if path == "" {
		return misconfigured("this user has no home, so there is no place for the file").with("set XDG_CONFIG_HOME")
	}
	if err := plainURL(base, "a token"); err != nil {
		return err
	}
	r, err := firstRemote(base, l.pin)
	if err != nil {
		return err
	}
	if r.token, err = l.token(ctx, io, r.base); err != nil {
		return err
	}
	who, certificate, err := r.whoami(ctx)
	if has(err, api.CodeUnauthorized) {
		return failed("%s does not take this token", r.base).with("it may have been mistyped, revoked, or have expired; an admin makes another with mlq token create --user NAME")
	}
	if err != nil {
		return err
	}
	if err := saveLogin(path, r); err != nil {
		return failed("login: %w", err)
	}
	fmt.Fprintf(io.out, "logged in at %s as %s (%s)\nwrote %s\n", r.base, who.User, who.Role, path)
	return l.next(io, r, filepath.Dir(path), who.Client, certificate)
}

// saveLogin writes the user's file, for this user alone; lines of others stay.
func saveLogin(path string, r *remote) error {
	text, err := os.ReadFile(path)
	if ignoreMissing(err) != nil {
		return err
	}
	return writeSecret(path, []byte(setLines(string(text), []setting{
		{"url", r.base}, {"token", r.token}, {"token_file", ""}, {"tls_fingerprint", r.addressOf("").pin},
	}, tomlLine)))
}

func tomlLine(s setting) string { return s.name + ` = "` + s.value + `"` }

// next says what hides the file, and how Python gets its package.
func (l *loginFlags) next(io streams, r *remote, dir, client string, certificate []byte) error {
	for _, name := range []string{"MLQ_URL", "MLQ_TOKEN", "MLQ_TLS_FINGERPRINT"} {
		if os.Getenv(name) != "" {
			fmt.Fprintf(io.err, "mlq: the variable %s is set and comes before that file\n", name)
		}
	}
	cert := ""
	if l.pin != "" && certificate != nil {
		path := filepath.Join(dir, certificateFile)
		if err := saveCertificate(path, certificate); err != nil {
			return failed("login: %w", err)
		}
		cert = "--cert " + path + " "
	}
	if client == "" {
		return nil
	}
	_, err := fmt.Fprintf(io.out, "for Python: pip install %s%s%s\n", cert, r.base, client)
	return err
}

// token reads the token where it cannot be seen: never from the command line.
func (l *loginFlags) token(ctx context.Context, io streams, base string) (string, error) {
	if l.tokenFile != "" {
		token, err := readTokenFile(l.tokenFile)
		if err != nil {
			return "", misconfigured("--token-file: %w", err)
		}
		return token, nil
	}
	token, err := askToken(ctx, io, base)
	if err != nil {
		return "", err
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", failed("no token: standard input is empty, and there is no terminal to ask on").
			with("give it with --token-file FILE, or as mlq login %s < FILE", base)
	}
	return token, nil
}

// maxTokenLine is above the length of every token.
const maxTokenLine = 1 << 10

func askToken(ctx context.Context, s streams, base string) (string, error) {
	if file, ok := s.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return askHidden(ctx, s, file, "token for "+base)
	}
	text, err := bufio.NewReader(io.LimitReader(s.in, maxTokenLine)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, err
}
