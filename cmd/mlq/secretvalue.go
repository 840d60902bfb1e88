package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxSecretInput bounds what is read of a wrong file; the server knows the limit.
const maxSecretInput = 1 << 20

// readSecret reads a secret's value: from a file, else from standard input, where a
// terminal is asked and shows nothing. The line break that editors and echo put at
// the end is not a part of it.
func readSecret(ctx context.Context, s streams, file, name string) (string, error) {
	if file == "" {
		if in, ok := s.in.(*os.File); ok && isTerminal(in) {
			return askHidden(ctx, s, in, "value of "+name)
		}
		return readSecretFrom(s.in, "standard input")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", failed("--from-file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return readSecretFrom(f, file)
}

func readSecretFrom(r io.Reader, what string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSecretInput))
	if err != nil {
		return "", failed("%s: %w", what, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", failed("%s is empty: that is no secret", what)
	}
	return value, nil
}

// askHidden asks the terminal for what it does not show. A signal ends the asking, and gives the echo back.
func askHidden(ctx context.Context, s streams, in *os.File, what string) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("this terminal: %w", err)
	}
	fmt.Fprintf(s.err, "%s (not shown): ", what)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		if err := term.Restore(fd, before); err != nil {
			return "", fmt.Errorf("this terminal: %w", err)
		}
		return "", context.Cause(ctx)
	case a := <-read:
		fmt.Fprintln(s.err)
		if a.err != nil {
			return "", failed("this terminal: %w", a.err)
		}
		if len(a.text) == 0 {
			return "", failed("nothing was typed")
		}
		return string(a.text), nil
	}
}
