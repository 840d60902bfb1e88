package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// Secret is one of a user's secrets, without its value: no answer to a user has that.
type Secret = secrets.Secret

// listSecrets answers GET /secrets.
func (s *Server) listSecrets(c *call) error {
	list, err := s.opts.Secrets.List(c.ctx(), c.who.User)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, map[string][]Secret{"secrets": list})
}

// putSecret answers PUT /secrets/{name} {"value": …}. What it refuses it does not
// repeat, and what it logs is the name.
func (s *Server) putSecret(c *call) error {
	value, err := s.secretValue(c)
	if err != nil {
		return err
	}
	kept, err := s.opts.Secrets.Set(c.ctx(), c.who.User, c.param("name"), value)
	if err != nil {
		return err
	}
	s.log.Info().Str("user", c.who.User).Str("secret", kept.Name).Msg("secret set")
	return s.write(c, http.StatusOK, kept)
}

func (s *Server) secretValue(c *call) (value string, err error) {
	if err := wantMedia(c.r, scheduler.MediaJSON); err != nil {
		return "", err
	}
	body, err := s.readBody(c)
	if err != nil {
		return "", err
	}
	fields, err := strictjson.Object(body, 2)
	if err != nil {
		return "", refuse(Code(submission.CodeBadJSON), `want {"value": "…"}`)
	}
	if len(fields) != 1 || fields[0].Name != "value" || fields[0].Raw[0] != '"' || json.Unmarshal(fields[0].Raw, &value) != nil {
		return "", refuse(CodeInvalidField, `want exactly one field, "value", with a text`)
	}
	return value, nil
}

// deleteSecret answers DELETE /secrets/{name}. Jobs that wait with it fail when they
// are to start; those that run have it.
func (s *Server) deleteSecret(c *call) error {
	name := c.param("name")
	if !submission.SecretName(name) {
		return refuse(CodeNotFound, "no such secret")
	}
	if err := s.opts.Secrets.Remove(c.ctx(), c.who.User, name); err != nil {
		return err
	}
	s.log.Info().Str("user", c.who.User).Str("secret", name).Msg("secret removed")
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// haveSecrets refuses submissions that name secrets which their user does not have,
// and says which one of them it is. It reads once, however many name some.
func (s *Server) haveSecrets(c *call, parsed ...*submission.Parsed) (member int, err error) {
	var known []string
	for i, p := range parsed {
		if len(p.Request.Secrets) == 0 {
			continue
		}
		if known == nil {
			if known, err = s.opts.Secrets.Names(c.ctx(), c.who.User); err != nil {
				return i, err
			}
		}
		if err := knowsAll(p, known); err != nil {
			return i, err
		}
	}
	return 0, nil
}

func knowsAll(p *submission.Parsed, known []string) error {
	for _, name := range p.SecretNames() {
		if _, found := slices.BinarySearch(known, name); !found {
			return noSuchSecret(name, known)
		}
	}
	return nil
}

// noSuchSecret names a secret, which has the form of a name, and the nearest that there is.
func noSuchSecret(name string, known []string) *Error {
	detail := fmt.Sprintf("you have no secret %s", printable(name))
	if near := submission.Nearest(name, known); near != "" {
		detail += fmt.Sprintf("; did you mean %s?", near)
	} else {
		detail += fmt.Sprintf("; mlq secret set %s makes it", printable(name))
	}
	return refuseField(CodeUnknownSecret, "/secrets", detail)
}
