package api

import (
	"fmt"

	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxObject bounds the body of what sets something, in bytes.
const maxObject = 64 << 10

// readObject reads a small JSON object whose values are no deeper than a list:
// what sets something, in contrast to what submits.
func (s *Server) readObject(c *call) ([]strictjson.Field, error) {
	if err := wantMedia(c.r, scheduler.MediaJSON); err != nil {
		return nil, err
	}
	body, err := readAtMost(c, maxObject, refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes", maxObject)))
	if err != nil {
		return nil, err
	}
	fields, err := strictjson.Object(body, 2)
	if err != nil {
		return nil, badJSON(err)
	}
	return fields, nil
}
