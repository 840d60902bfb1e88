package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	stdlog "log"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
)

// call is one request under way. It is the ResponseWriter that the router
// hands on, so that who asks and what was answered need no context values.
type call struct {
	http.ResponseWriter
	r      *http.Request
	who    auth.Identity
	id     string // of the request
	status int    // 0: nothing written yet
	route  *route
	stream *streamPace // nil: not HTTP/2
	noted  *pacedBody  // of which the audit log has the start; nil: none
	link   bool        // by a signed link
	finite bool        // what is being sent has an end
	within bool        // the handler has begun, and has not returned
	until  time.Time   // when that ends
}

// handler answers a call, or returns an error before it wrote anything.
type handler func(s *Server, c *call) error

// WriteHeader notes the status.
func (c *call) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write notes that something was written.
func (c *call) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if c.stream != nil {
		return c.stream.write(len(p), func() (int, error) { return c.ResponseWriter.Write(p) })
	}
	return c.ResponseWriter.Write(p)
}

// ReadFrom lets the kernel copy a file to the connection.
func (c *call) ReadFrom(r io.Reader) (int64, error) {
	if c.stream != nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return io.Copy(c.ResponseWriter, r)
}

// FlushError sends what was written until now.
func (c *call) FlushError() error {
	flush := http.NewResponseController(c.ResponseWriter).Flush
	if c.stream == nil {
		return flush()
	}
	_, err := c.stream.write(0, func() (int, error) { return 0, flush() })
	return err
}

// Unwrap serves http.ResponseController.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *call) ctx() context.Context { return c.r.Context() }

// ServeHTTP guards, authenticates and routes a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := &call{ResponseWriter: w, r: r, id: requestID(r)}
	s.paceStream(c)
	s.metrics.underWay.Inc()
	defer func() {
		defer s.metrics.underWay.Dec()
		s.recovered(c, recover())
		c.stream.last()
		s.metrics.observe(c, time.Since(start))
	}()
	c.commonHeaders()
	if s.clientVersion != nil {
		c.Header()["Mlq-Client"] = s.clientVersion
	}
	if s.preflight(c) {
		return
	}
	if err := s.admit(c); err != nil {
		s.fail(c, err)
		return
	}
	s.pace(c)
	s.mux.ServeHTTP(c, c.r)
}

// Values shared by all answers: assigning a slice spares the header map a
// canonicalisation and an allocation each.
var (
	nosniff = []string{"nosniff"}
	noStore = []string{"private, no-store"}
)

func (c *call) commonHeaders() {
	h := c.Header()
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	h["X-Request-Id"] = []string{c.id}
}

// recovered answers a panic as an internal error; the process goes on.
func (s *Server) recovered(c *call, cause any) {
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.log.Error().Str("request", c.id).Interface("panic", cause).Bytes("stack", debug.Stack()).Msg("a handler panicked")
	if c.status == 0 {
		s.fail(c, refuse(CodeInternal, "the server's log has more under this request_id"))
	}
}

// fail writes an error, the only place that does.
func (s *Server) fail(c *call, err error) {
	if c.ctx().Err() != nil && c.status == 0 && errors.Is(err, context.Canceled) {
		return // the caller has gone
	}
	e := explain(err)
	if c.status != 0 {
		s.log.Debug().Str("request", c.id).Err(err).Msg("an answer broke off")
		return
	}
	s.logFailure(c, e)
	h := c.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="mlq"`)
	}
	if e.Status == http.StatusRequestTimeout || e.Status == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // what is left of the body is not read
	}
	s.boundUnread(c, e.Status)
	p := e.Problem
	p.RequestID = c.id
	s.writeAs(c, e.Status, mediaProblem, p)
}

func (s *Server) logFailure(c *call, e *Error) {
	event := s.log.Debug()
	if e.Status >= http.StatusInternalServerError {
		event = s.log.Error()
	}
	event.Str("request", c.id).Str("method", c.r.Method).Str("path", printable(token.Redact(c.r.URL.Path))).
		Str("code", string(e.Code)).AnErr("cause", e.cause).Msg("request refused")
}

// write answers with JSON.
func (s *Server) write(c *call, status int, body any) error {
	s.writeAs(c, status, "application/json", body)
	return nil
}

func (s *Server) writeAs(c *call, status int, media string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.log.Error().Str("request", c.id).Err(err).Msg("an answer could not be encoded")
		c.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := c.Header()
	h["Content-Type"] = []string{media}
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	c.WriteHeader(status)
	c.send(text)
}

// text answers with plain text.
func (c *call) text(status int, text string) error {
	h := c.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	c.WriteHeader(status)
	c.send([]byte(text))
	return nil
}

// send writes the body. An error means that the caller has gone: there is
// nobody left to tell.
func (c *call) send(body []byte) {
	_, _ = c.Write(body) //nolint:errcheck // see above
}

// discardLog takes what net/http would print: handshakes and resets of
// strangers, of interest only to who looks for them.
func discardLog(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(debugWriter{log}, "", 0)
}

type debugWriter struct{ log zerolog.Logger }

// Write logs one line.
func (w debugWriter) Write(p []byte) (int, error) {
	w.log.Debug().Str("from", "net/http").Bytes("line", p).Send()
	return len(p), nil
}
