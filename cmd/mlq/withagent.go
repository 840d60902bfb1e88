package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
)

// startAgent runs the agent of this host inside the server's process. It still
// speaks HTTP to the server, with a token of its own, so that there is one way
// only in which payloads and results travel.
func (s *serveFlags) startAgent(ctx context.Context, g *group, srv *server, c serverConfig, watch *supervision) error {
	host, err := s.agent.host()
	if err != nil {
		return err
	}
	token, err := ownToken(ctx, c.log, srv.tokens, c.data.join("agent.token"), auth.Wanted{User: host, Role: auth.RoleAgent})
	if err != nil {
		return fmt.Errorf("agent's token: %w", err)
	}
	// By the certificate that it has just read, whatever names stand in that.
	self, err := newRemote(srv.url, token, srv.fingerprint)
	if err != nil {
		return err
	}
	return s.agent.start(ctx, g, hostParts{data: c.data, scheduler: srv.scheduler, server: self, log: c.log, watch: watch})
}

// ownToken reads a token that this process gave itself, or makes it: at the
// first start, when the store does not know the one in the file, and when that is
// another one's. Nobody else has that one, so it ends once the new one is kept: a host
// that has a token keeps its name.
func ownToken(ctx context.Context, log zerolog.Logger, tokens *auth.Tokens, path string, wanted auth.Wanted) (string, error) {
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	text := strings.TrimSpace(string(kept))
	who, err := tokens.Check(ctx, text)
	if err == nil && who.User == wanted.User && who.Role == wanted.Role {
		return text, nil
	}
	if err != nil && !errors.Is(err, auth.ErrUnauthorized) {
		return "", err
	}
	if len(kept) > 0 {
		log.Warn().Str("file", path).Msg("what is in the file is no token of ours that the store knows: it is replaced by a new one")
	}
	text, _, err = tokens.Create(ctx, wanted)
	if err != nil {
		return "", err
	}
	if err := writeSecret(path, []byte(text+"\n")); err != nil {
		return "", err
	}
	if who.Role != wanted.Role {
		return text, nil // there was none, or somebody put one there that is not of this kind
	}
	return text, tokens.Revoke(ctx, who.Token)
}
