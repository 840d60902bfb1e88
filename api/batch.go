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
	media, body, err := s.submitted(c)
	if err != nil {
		return err
	}
	parsed, err := parseBatch(media, body)
	if err != nil {
		return err
	}
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	if len(parsed) > who.MaxQueued {
		// Those with a key of their own are committed one by one, up to the limit.
		return refuse(CodeQuota, fmt.Sprintf("%d jobs in one batch; you may have %d waiting", len(parsed), who.MaxQueued))
	}
	if err := s.rates.allow(c.who.User, len(parsed)-1, submitsTooOften); err != nil {
		return err
	}
	key, err := idempotencyKey(c.r, "")
	if err != nil {
		return err
	}
	if i, err := s.haveSecrets(c, parsed...); err != nil {
		return memberError(i, err)
	}
	if i, err := s.haveModules(c, parsed...); err != nil {
		return memberError(i, err)
	}
	subs, err := s.settleAll(c, parsed)
	if err != nil {
		return err
	}
	done, err := s.scheduler.Submit(c.ctx(), who, subs, key)
	if err != nil {
		return err
	}
	if done.Replayed {
		c.Header().Set("Idempotent-Replayed", "true")
	}
	return s.write(c, http.StatusCreated, done.IDs)
}

func parseBatch(media string, body []byte) ([]*submission.Parsed, error) {
	var parsed []*submission.Parsed
	var err error
	switch media {
	case envelope.MediaBatch:
		parsed, err = parseEnvelopes(body)
	case scheduler.MediaJSON:
		parsed, err = parseMembers(body)
	default:
		return nil, refuse(CodeMediaType, "send Content-Type: application/json or "+envelope.MediaBatch)
	}
	if err == nil && len(parsed) == 0 {
		return nil, wrongCount()
	}
	return parsed, err
}

func wrongCount() error { return refuseField(CodeInvalidField, "/jobs", "want 1 to 10000 jobs") }

func parseMembers(body []byte) ([]*submission.Parsed, error) {
	members, err := submission.Members(body)
	if err != nil {
		return nil, err
	}
	if len(members) > maxBatch {
		return nil, wrongCount()
	}
	parsed := make([]*submission.Parsed, len(members))
	for i, member := range members {
		if parsed[i], err = submission.Parse(scheduler.MediaJSON, member); err != nil {
			return nil, memberError(i, err)
		}
	}
	return parsed, nil
}

// parseEnvelopes reads envelopes one behind the other: each one's header says
// where the next one starts. The same header says the same of the call.
func parseEnvelopes(body []byte) ([]*submission.Parsed, error) {
	var parsed []*submission.Parsed
	var row envelope.Row
	var last *submission.Parsed
	for len(body) > 0 {
		if len(parsed) == maxBatch {
			return nil, wrongCount()
		}
		h, again, err := row.Next(body)
		if err != nil {
			return nil, memberError(len(parsed), &submission.Error{Code: submission.CodeBadEnvelope, Detail: err.Error()})
		}
		if !again {
			if last, err = submission.FromHeader(h); err != nil {
				return nil, memberError(len(parsed), err)
			}
		}
		p := *last
		p.Media, p.Body = scheduler.MediaEnvelope, body[:h.Size:h.Size]
		parsed = append(parsed, &p)
		body = body[h.Size:]
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
