package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxBatch is how many jobs one request may submit.
const maxBatch = 10_000

// submit answers POST /jobs with the id alone.
func (s *Server) submit(c *call) error {
	if err := s.admitSubmit(c, 1); err != nil {
		return err
	}
	media, err := mediaType(c.r)
	if err != nil {
		return err
	}
	body, err := s.readBody(c)
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
	if err := s.settle(c, p); err != nil {
		return err
	}
	done, err := s.scheduler.Submit(c.ctx(), s.submitter(c), []scheduler.Submission{p.Submission}, key)
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
	if err := s.rates.allow(c.who.User, n); err != nil {
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

// readBody reads a body into memory. A body that ends before its
// Content-Length is refused by net/http; nothing was stored yet.
func (s *Server) readBody(c *call) ([]byte, error) {
	most := s.opts.MaxBody
	if c.r.ContentLength > most {
		return nil, bodyTooLarge(most)
	}
	if c.r.ContentLength >= 0 {
		body := make([]byte, c.r.ContentLength)
		_, err := io.ReadFull(c.r.Body, body)
		return body, readError(err)
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, most+1))
	if int64(len(body)) > most {
		return nil, bodyTooLarge(most)
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

// settle completes a submission: what it names must exist, and a body that is
// too large for the store becomes a blob.
func (s *Server) settle(c *call, p *submission.Parsed) error {
	if err := s.permits(c, &p.Request); err != nil {
		return err
	}
	switch p.Call.Kind {
	case submission.KindMessage:
		version, err := s.functions.pythonFor(c.ctx(), c.who.User, p.Call.Functions)
		if err != nil {
			return err
		}
		p.PythonVersion = version
	case submission.KindUploaded:
		if err := s.checkUploaded(p.Call.Ref); err != nil {
			return err
		}
	}
	if len(p.Body) <= scheduler.InlineLimit {
		return nil
	}
	return s.moveOut(p)
}

// permits refuses what other users' tokens could ask for: a place ahead of
// the queue, or more time than the admin allows.
func (s *Server) permits(c *call, r *scheduler.Request) error {
	who := s.submitter(c)
	top := 0
	if who.Admin {
		top = 10
	}
	if r.Priority < -10 || r.Priority > top {
		return refuseField(CodeForbidden, "/priority", fmt.Sprintf("priority: you may use -10 to %d", top))
	}
	if who.MaxTimeout > 0 && r.Timeout > who.MaxTimeout {
		return refuseField(CodeInvalidField, "/timeout", fmt.Sprintf("timeout: at most %s", who.MaxTimeout))
	}
	return nil
}

// moveOut keeps the body as a blob and leaves a reference in the spec.
func (s *Server) moveOut(p *submission.Parsed) error {
	sum, err := s.opts.Blobs.PutBytes(p.Body)
	if err != nil {
		return err
	}
	ref, err := submission.EncodeRef(submission.Ref{Media: p.Media, SHA256: sum, Size: int64(len(p.Body))})
	if err != nil {
		return err
	}
	p.Media, p.Body = submission.MediaRef, ref
	return nil
}

// checkUploaded: the blob is there, has that size, and is a call envelope.
func (s *Server) checkUploaded(ref submission.Ref) error {
	file, size, err := s.opts.Blobs.Open(ref.SHA256)
	if errors.Is(err, blob.ErrNotFound) {
		return refuseField(CodeBlobMissing, "/call/sha256", "upload it first with PUT /blobs/SHA256")
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	if size != ref.Size {
		return refuseField(CodeDigest, "/call/size", "the uploaded blob has another size")
	}
	h, err := envelope.ReadHeader(file)
	if err != nil || h.Kind != envelope.KindCall || h.Size != size {
		return refuseField(Code(submission.CodeBadEnvelope), "/call/sha256", "the uploaded blob is not a call envelope")
	}
	return nil
}

// submitBatch answers POST /jobs/batch with the list of ids. All members are
// checked before the first is stored.
func (s *Server) submitBatch(c *call) error {
	if err := s.admitSubmit(c, 1); err != nil {
		return err
	}
	media, err := mediaType(c.r)
	if err != nil {
		return err
	}
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	parsed, err := parseBatch(media, body)
	if err != nil {
		return err
	}
	if err := s.rates.allow(c.who.User, len(parsed)-1); err != nil {
		return err
	}
	key, err := idempotencyKey(c.r, "")
	if err != nil {
		return err
	}
	subs, err := s.settleAll(c, parsed)
	if err != nil {
		return err
	}
	done, err := s.scheduler.Submit(c.ctx(), s.submitter(c), subs, key)
	if err != nil {
		return err
	}
	if done.Replayed {
		c.Header().Set("Idempotent-Replayed", "true")
	}
	return s.write(c, http.StatusCreated, done.IDs)
}

func parseBatch(media string, body []byte) ([]*submission.Parsed, error) {
	var members [][]byte
	var err error
	switch media {
	case envelope.MediaBatch:
		media = envelope.Media
		members, err = splitEnvelopes(body)
	case scheduler.MediaJSON:
		members, err = submission.Members(body)
	default:
		return nil, refuse(CodeMediaType, "send Content-Type: application/json or "+envelope.MediaBatch)
	}
	if err != nil {
		return nil, err
	}
	if len(members) == 0 || len(members) > maxBatch {
		return nil, refuseField(CodeInvalidField, "/jobs", "want 1 to 10000 jobs")
	}
	return parseMembers(media, members)
}

func parseMembers(media string, members [][]byte) ([]*submission.Parsed, error) {
	parsed := make([]*submission.Parsed, len(members))
	for i, member := range members {
		p, err := submission.Parse(media, member)
		if err != nil {
			return nil, memberError(i, err)
		}
		parsed[i] = p
	}
	return parsed, nil
}

// memberError names the member that is wrong.
func memberError(i int, err error) error {
	prefix := "/jobs/" + strconv.Itoa(i)
	if e, ok := errors.AsType[*submission.Error](err); ok {
		moved := *e
		moved.Pointer = prefix + e.Pointer
		return &moved
	}
	var refused *Error
	if errors.As(err, &refused) && len(refused.Errors) == 1 {
		return refuseField(refused.Code, prefix+refused.Errors[0].Pointer, refused.Detail)
	}
	return fmt.Errorf("%s: %w", prefix, err)
}

func splitEnvelopes(body []byte) ([][]byte, error) {
	var members [][]byte
	for len(body) > 0 {
		h, err := envelope.Parse(body)
		if err != nil {
			return nil, memberError(len(members), &submission.Error{Code: submission.CodeBadEnvelope, Detail: err.Error()})
		}
		members = append(members, body[:h.Size:h.Size])
		body = body[h.Size:]
	}
	return members, nil
}

// settleAll settles the members of a batch, several at once: each large one
// waits for the disk.
func (s *Server) settleAll(c *call, parsed []*submission.Parsed) ([]scheduler.Submission, error) {
	var group errgroup.Group
	group.SetLimit(16)
	for i, p := range parsed {
		group.Go(func() error {
			if err := s.settle(c, p); err != nil {
				return memberError(i, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	subs := make([]scheduler.Submission, len(parsed))
	for i, p := range parsed {
		subs[i] = p.Submission
	}
	return subs, nil
}
