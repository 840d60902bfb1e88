package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/token"
)

func newLogout(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Take the server and your token out of your file; the token stays good",
		Args:  none(),
		RunE:  func(*cobra.Command, []string) error { return logout(io, userConfigPath()) },
	}
}

// logout leaves the lines of the user's file that are not login's.
func logout(io streams, path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = fmt.Fprintln(io.out, "not logged in")
		return err
	}
	if err != nil {
		return misconfigured("%w", err)
	}
	file, err := readUserConfig(path)
	if err != nil {
		return err
	}
	left := setLines(string(text), []setting{{name: "url"}, {name: "token"}, {name: "token_file"}, {name: "tls_fingerprint"}}, tomlLine)
	err = errors.Join(writeSecret(path, []byte(left)), ignoreMissing(os.Remove(filepath.Join(filepath.Dir(path), certificateFile))))
	if err != nil {
		return failed("logout: %w", err)
	}
	fmt.Fprintf(io.out, "logged out of %s\n", file.url)
	if id, ok := token.Parse(file.token); ok {
		fmt.Fprintf(io.out, "the token is still good; an admin ends it with: mlq token revoke %s\n", id)
	}
	return nil
}
