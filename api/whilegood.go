package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// A request that goes on, as a stream, a wait or a large answer, is asked again for its
// token every recheckEvery, and what was read before recheckAge is not believed. What is
// still being written then, to a reader who is slow, is cut off after cutAfter. Together
// they end within the 5 s in which a token that was revoked on any server stops working.
const (
	recheckEvery = 2 * time.Second
	recheckAge   = time.Second
	cutAfter     = time.Second
)

var errRevoked = errors.New("what the request was made with was revoked meanwhile")

// whileGood ends the request's context once its token or link is good no more. Whoever
// waits calls stop afterwards, and has the context back that does not end with it.
func (s *Server) whileGood(c *call) (stop func()) { return s.untilRevoked(c, func() {}) }

// whileWriting is whileGood for an answer that is being written, whose reader may be slow:
// it is cut off. stop ends its connection then, or its stream of HTTP/2.
func (s *Server) whileWriting(c *call) (stop func()) {
	w := writing{conn: http.NewResponseController(c.ResponseWriter)}
	stopAsking := s.untilRevoked(c, w.cut)
	return func() {
		stopAsking()
		w.end()
	}
}

// whileSending is whileWriting for what has an end, as a file: a link whose time is over meanwhile
// does not cut it off, as it could not be resumed.
func (s *Server) whileSending(c *call) (stop func()) {
	c.finite = true
	return s.whileWriting(c)
}

// untilRevoked ends the request's context once it is revoked, and calls cut a little later.
func (s *Server) untilRevoked(c *call, cut func()) (stop func()) {
	asked := c.r
	revoked := s.rechecked(c)
	if revoked == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancelCause(asked.Context())
	c.r = asked.WithContext(ctx)
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(recheckEvery, func() {
		<-ready
		switch {
		case errors.Is(context.Cause(ctx), errRevoked):
			cut()
		case ctx.Err() == nil:
			next := recheckEvery
			if why := revoked(ctx); why != nil {
				cancel(fmt.Errorf("%w: %w", errRevoked, why))
				next = cutAfter
			}
			timer.Reset(next)
		}
	})
	close(ready)
	return func() {
		timer.Stop()
		cancel(nil)
		c.r = asked
	}
}

// rechecked gives what the answer says where the request was made with what is good no more;
// nil: it was made with nothing. A store that does not answer revokes nothing.
func (s *Server) rechecked(c *call) func(context.Context) error {
	if c.link {
		return s.relinked(c)
	}
	text, ok := bearer(c.r.Header["Authorization"])
	if !ok {
		return nil
	}
	return func(ctx context.Context) error {
		if errors.Is(s.recheck(ctx, text), auth.ErrUnauthorized) {
			return unauthorized()
		}
		return nil
	}
}

// relinked is rechecked for a signed link. That its time is over ends no download that began before.
func (s *Server) relinked(c *call) func(context.Context) error {
	link, sig, err := readLink(c.r)
	finite := c.finite
	return func(ctx context.Context) error {
		_, _, now := s.opts.Tokens.CheckLink(ctx, link, sig, s.linkOwner())
		switch {
		case err != nil, errors.Is(now, auth.ErrBadLink):
			return badLink()
		case errors.Is(now, auth.ErrLinkExpired) && !finite:
			return linkExpired()
		}
		return nil
	}
}

func (s *Server) recheck(ctx context.Context, text string) error {
	if job, n, secret, ok := token.ParseAttempt(text); ok {
		_, err := s.identifyAttempt(ctx, scheduler.JobID(job), n, secret, recheckAge)
		return err
	}
	return s.opts.Tokens.Recheck(ctx, text, recheckAge)
}

// stillGood is what an order for many things calls before each of them: it looks again, every
// recheckAge, whether what the request was made with is good, and gives what the answer says if not.
func (s *Server) stillGood(c *call) func() error {
	revoked := s.revokedNow(c)
	var looked time.Time
	return func() error {
		if time.Since(looked) < recheckAge {
			return nil
		}
		why := revoked()
		looked = time.Now()
		return why
	}
}

// orRevoked is an error, or what the answer says instead where the call ended because what it was
// made with was revoked: whatever was under way then failed with an error of its own.
func (c *call) orRevoked(err error) error {
	if cause := context.Cause(c.ctx()); errors.Is(cause, errRevoked) {
		return cause
	}
	return err
}
