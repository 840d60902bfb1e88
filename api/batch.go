package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxBatch is how many jobs one request may submit.
const maxBatch = 10_000

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
