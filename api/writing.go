package api

import (
	"net/http"
	"sync"
	"time"
)

// writing is an answer that may be cut off while it is written.
type writing struct {
	conn *http.ResponseController

	mu    sync.Mutex
	over  bool // nothing more is written
	isCut bool
}

// cut lets no more through. Not when it is over: the connection may have the next request.
func (w *writing) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.isCut = w.conn.SetWriteDeadline(time.Unix(1, 0)) == nil
	}
}

// end ends the connection, or the stream of HTTP/2, of an answer that was cut off: its
// reader must not take it as whole, and nobody shall write to the connection again.
func (w *writing) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over = true; w.isCut {
		panic(http.ErrAbortHandler)
	}
}
