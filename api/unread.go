package api

import (
	"net/http"
	"time"
)

// unread reports whether some of the request's body was not read.
func (c *call) unread() bool {
	if c.r == nil || c.r.Body == nil || c.r.ContentLength == 0 {
		return false
	}
	body, paced := c.r.Body.(*pacedBody)
	return !paced || !body.whole
}

// boundUnread keeps a body that nobody reads from holding the connection:
// before net/http sends an answer it waits for up to 256 KiB of such a body,
// without a limit of time.
//
// After a refusal the rest has grace to come, so that the connection can be
// used again. Any other answer goes out at once, and the connection ends with
// it: a deadline would cut off what is streamed, and the wait of a handler.
func (s *Server) boundUnread(c *call, status int) {
	if !c.unread() {
		return
	}
	if status < http.StatusBadRequest {
		if c.r.ProtoMajor == 1 {
			c.Header().Set("Connection", "close")
		}
		return
	}
	conn := http.NewResponseController(c.ResponseWriter)
	_ = conn.SetReadDeadline(time.Now().Add(s.opts.SlowGrace)) //nolint:errcheck // a recorder in a test has none
}
