package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// submitted is the body of a submit that is admitted, and its media type.
func (s *Server) submitted(c *call) (media string, body []byte, err error) {
	if err := s.admitSubmit(c, 1); err != nil {
		return "", nil, err
	}
	if media, err = mediaType(c.r); err != nil {
		return "", nil, err
	}
	body, err = s.readBody(c)
	return media, body, err
}

// submit answers POST /jobs with the id alone.
func (s *Server) submit(c *call) error {
	media, body, err := s.submitted(c)
	if err != nil {
		return err
	}
	p, err := submission.Parse(media, body)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c.r, p.Request.Key)
	if err != nil {
		return err
	}
	if _, err := s.haveSecrets(c, p); err != nil {
		return err
	}
	if _, err := s.haveModules(c, p); err != nil {
		return err
	}
	if err := s.settle(c, p); err != nil {
		return err
	}
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	done, err := s.scheduler.Submit(c.ctx(), who, []scheduler.Submission{p.Submission}, key)
	if err != nil {
		return err
	}
	return c.created(done)
}

func (c *call) created(done scheduler.Submitted) error {
	id := strconv.FormatInt(int64(done.IDs[0]), 10)
	h := c.Header()
	h["Location"] = []string{"/jobs/" + id}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(id))}
	if done.Replayed {
		h["Idempotent-Replayed"] = []string{"true"}
	}
	c.WriteHeader(http.StatusCreated)
	c.send([]byte(id))
	return nil
}

// admitSubmit refuses what should not even be read.
func (s *Server) admitSubmit(c *call, n int) error {
	if err := s.rates.allow(c.who.User, n, submitsTooOften); err != nil {
		return err
	}
	return s.disk.writable()
}

// mediaType is the request's Content-Type without parameters.
func mediaType(r *http.Request) (string, error) {
	text := r.Header.Get("Content-Type")
	switch text {
	case scheduler.MediaJSON, scheduler.MediaEnvelope:
		return text, nil
	case "":
		return "", refuse(CodeMediaType, "add the header Content-Type: application/json (curl: -H 'Content-Type: application/json')")
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil {
		return "", refuse(CodeMediaType, "the header Content-Type cannot be read; send application/json")
	}
	return media, nil
}

// wantMedia refuses a body that is said to be something else than media.
func wantMedia(r *http.Request, media string) error {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != media {
		return refuse(CodeMediaType, "add the header Content-Type: "+media)
	}
	return nil
}

// readBody reads a body into memory.
func (s *Server) readBody(c *call) ([]byte, error) {
	return readAtMost(c, s.opts.MaxBody, bodyTooLarge(s.opts.MaxBody))
}

// readAtMost reads a body of at most so many bytes into memory. One that ends before its
// Content-Length is refused by net/http; nothing was stored yet.
func readAtMost(c *call, most int64, tooLarge error) ([]byte, error) {
	if c.r.ContentLength > most {
		return nil, tooLarge
	}
	if c.r.ContentLength >= 0 {
		body, err := readAnnounced(c.r.Body, c.r.ContentLength)
		return body, readError(err)
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, most+1))
	if int64(len(body)) > most {
		return nil, tooLarge
	}
	return body, readError(err)
}

func bodyTooLarge(most int64) error {
	return refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes; upload larger calls with PUT /blobs/SHA256 and submit {\"call\": …}", most))
}

// readError translates what went wrong while a body was read.
func readError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse(CodeBadRequest, "the body ended before its Content-Length")
	}
	return err
}

// idempotencyKey is the header's, else the field's.
func idempotencyKey(r *http.Request, field string) (string, error) {
	header, ok := r.Header["Idempotency-Key"]
	if !ok {
		return field, nil
	}
	key := header[0]
	if len(header) > 1 || key == "" || len(key) > submission.MaxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", refuse(CodeBadRequest, "Idempotency-Key: want 1 to 255 printable ASCII characters")
	}
	return key, nil
}
