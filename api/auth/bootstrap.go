package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/internal/token"
)

const adminToken = "admin.token"

// Bootstrap writes the first admin token to DATA/admin.token (0600), once:
// only where the store has no admin token yet. It reports whether it wrote
// one. The file is written and synced first, under another name, so that a
// token which the store accepts is never one that nobody knows; a start that
// died between is completed by the next.
func (t *Tokens) Bootstrap(ctx context.Context, data string) (path string, written bool, err error) {
	path = filepath.Join(data, adminToken)
	temp := path + ".new"
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, false, err
	}
	if t.accepted(ctx, temp) {
		return path, true, os.Rename(temp, path)
	}
	tokens, err := t.List(ctx)
	if err != nil {
		return path, false, err
	}
	if slices.ContainsFunc(tokens, func(t Token) bool { return t.Role == RoleAdmin }) {
		return path, false, nil
	}
	if err := t.first(ctx, temp); err != nil {
		return path, false, err
	}
	return path, true, os.Rename(temp, path)
}

// ForgetRefused removes DATA/admin.token where the store's servers refuse what is in it,
// so that Bootstrap writes another one. Errors: those of the store, of the file.
func (t *Tokens) ForgetRefused(ctx context.Context, data string) error {
	path := filepath.Join(data, adminToken)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err = t.Check(ctx, strings.TrimSpace(string(text))); errors.Is(err, ErrUnauthorized) {
		return os.Remove(path)
	}
	return err
}

// accepted reports whether the file holds a token that the store knows.
func (t *Tokens) accepted(ctx context.Context, file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	_, err = t.Check(ctx, strings.TrimSpace(string(text)))
	return err == nil
}

func (t *Tokens) first(ctx context.Context, temp string) error {
	w := Wanted{User: "admin", Role: RoleAdmin}
	text, id := token.New(string(w.Role))
	if err := writeSecret(temp, text+"\n"); err != nil {
		return fmt.Errorf("write the admin token: %w", err)
	}
	// Also on a full store: without an admin nobody could make room there.
	_, err := t.keep(ctx, w, text, id, true)
	return err
}

func writeSecret(temp, text string) error {
	file, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}
