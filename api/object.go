package api

import (
	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/scheduler"
)

// readObject reads a small JSON object whose values are no deeper than a list:
// what sets something, in contrast to what submits.
func (s *Server) readObject(c *call) ([]strictjson.Field, error) {
	if err := wantMedia(c.r, scheduler.MediaJSON); err != nil {
		return nil, err
	}
	body, err := s.readBody(c)
	if err != nil {
		return nil, err
	}
	fields, err := strictjson.Object(body, 2)
	if err != nil {
		return nil, badJSON(err)
	}
	return fields, nil
}
