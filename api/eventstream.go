package api

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// stream writes server-sent events. It keeps no queue for a slow reader: what
// has happened is in the store (of all jobs, in the tail's copy), and is read from
// there when the reader has taken what was before. One that takes nothing for too long is cut off (patience.go)
// and goes on with Last-Event-ID.
type stream struct{ c *call }

func (c *call) startStream() (*stream, error) {
	h := c.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.WriteHeader(http.StatusOK)
	return &stream{c}, c.FlushError()
}

// send writes one event; id "" leaves the reader's place as it is.
func (st *stream) send(id, kind string, e Event) error {
	text, err := frame(id, kind, e)
	if err == nil {
		_, err = st.c.Write(text)
	}
	return err
}

// frame is an event as it is sent.
func frame(id, kind string, e Event) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return fmt.Appendf(nil, "%sevent: %s\ndata: %s\n\n", id, kind, text), nil
}

// beat keeps the connection alive, and notices a reader who has gone.
func (st *stream) beat() error {
	if _, err := st.c.Write([]byte(": still here\n\n")); err != nil {
		return err
	}
	return st.c.FlushError()
}

// hint says that something happened to jobs that the reader may not see: who has
// which device, and the queue, may have changed.
func (st *stream) hint() error {
	if _, err := st.c.Write([]byte(": others\n\n")); err != nil {
		return err
	}
	return st.c.FlushError()
}
