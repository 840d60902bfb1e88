package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// NewToken makes a token of a user.
func (w *World) NewToken(ctx context.Context, user, role string) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	body := fmt.Sprintf(`{"user":%q,"role":%q}`, user, role)
	err := w.Ask(ctx, http.MethodPost, "/tokens", body, &made)
	return made.Token, err
}

// Ask asks the first server that answers, past all links, as the admin, and
// decodes its JSON where into is not nil. It is for what is set up before the faults and looked at
// after them.
func (w *World) Ask(ctx context.Context, method, path, body string, into any) error {
	var errs error
	for _, s := range w.Servers {
		err := s.ask(ctx, w.Token, method, path, body, into)
		if err == nil {
			return nil
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

func (s *Server) ask(ctx context.Context, token, method, path, body string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.direct+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s at %s: %s", method, path, s.Name, answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
