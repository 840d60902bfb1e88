package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/internal/units"
)

// Token is a token without its secret.
type Token struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Role    auth.Role `json:"role"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Text    string    `json:"token,omitempty"` // once, where it was made
}

func wireToken(t auth.Token) Token {
	return Token{ID: t.ID, User: t.User, Role: t.Role, Created: t.Created, Expires: t.Expires}
}

// listTokens answers GET /tokens.
func (s *Server) listTokens(c *call) error {
	tokens, err := s.opts.Tokens.List(c.ctx())
	if err != nil {
		return err
	}
	list := make([]Token, len(tokens))
	for i, t := range tokens {
		list[i] = wireToken(t)
	}
	return s.write(c, http.StatusOK, map[string][]Token{"tokens": list})
}

// createToken answers POST /tokens {user, role, unix, expires}.
func (s *Server) createToken(c *call) error {
	wanted, err := s.wantedToken(c)
	if err != nil {
		return err
	}
	text, kept, err := s.opts.Tokens.Create(c.ctx(), wanted)
	if err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("user", kept.User).Str("role", string(kept.Role)).Str("token", kept.ID).Msg("token made")
	w := wireToken(kept)
	w.Text = text
	return s.write(c, http.StatusCreated, w)
}

func (s *Server) wantedToken(c *call) (auth.Wanted, error) {
	wanted := auth.Wanted{Role: auth.RoleUser}
	fields, err := s.readObject(c)
	if err != nil {
		return wanted, err
	}
	for _, f := range fields {
		var text string
		if err := json.Unmarshal(f.Raw, &text); err != nil {
			return wanted, refuseField(CodeInvalidField, "/"+f.Name, "want a text")
		}
		switch f.Name {
		case "user":
			wanted.User = text
		case "role":
			wanted.Role = auth.Role(text)
		case "unix":
			wanted.Unix = text
		case "expires":
			if wanted.Expires, err = units.ParseDuration(text); err != nil || wanted.Expires == 0 {
				return wanted, refuseField(CodeInvalidField, "/expires", `want a text as "90d" or "12h"`)
			}
		default:
			return wanted, refuseField(Code(submission.CodeUnknownField), "/"+f.Name, "no such field; there are user, role, unix, expires")
		}
	}
	return wanted, nil
}

// revokeToken answers DELETE /tokens/{id}. The whole token is as good as its id.
func (s *Server) revokeToken(c *call) error {
	id := c.param("id")
	if whole, ok := token.Parse(id); ok {
		id = whole
	}
	if err := s.opts.Tokens.Revoke(c.ctx(), id); err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("token", id).Msg("token revoked")
	c.WriteHeader(http.StatusNoContent)
	return nil
}
