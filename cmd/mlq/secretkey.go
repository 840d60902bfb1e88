package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/mlq-dev/mlq/api/secrets"
)

func secretKeyFlag(f *pflag.FlagSet) *string {
	path := f.String("secret-key-file", "", "file with the key of users' secrets, the same for all servers of a store (default DATA/secret.key, made with the first secret)")
	variable(f, "secret-key-file", "MLQ_SECRET_KEY_FILE")
	return path
}

// openSecrets reads the key of the secrets and ends a rotation that the file asks for.
// Without the right key the server serves all but jobs with secrets, and says so.
func (s *server) openSecrets(ctx context.Context, c serverConfig) error {
	path := c.secretKey
	if path == "" {
		path = c.data.join("secret.key")
	}
	s.secrets = secrets.New(s.store, path)
	err := s.secrets.Ready(ctx)
	sealed, left := 0, []string(nil)
	if err == nil {
		sealed, left, err = s.secrets.Rotate(ctx)
	}
	if len(left) > 0 {
		c.log.Error().Strs("secrets", left).Msg("damaged in the store, or sealed with a key that is not in the file, and not sealed anew: bring the key back, or have their users set them again")
	}
	if sealed > 0 {
		c.log.Info().Int("secrets", sealed).Msg("sealed anew with the first key; the others can be removed from the file")
	}
	if errors.Is(err, secrets.ErrKey) {
		c.log.Error().Err(err).Str("file", path).Msg("jobs with secrets cannot start by this server")
		return nil
	}
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return nil
}
