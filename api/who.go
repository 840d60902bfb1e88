package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// authenticate says who asks. It runs before routing, so that no route can be
// without it; only the public paths need nobody.
func (s *Server) authenticate(c *call) error {
	header := c.r.Header["Authorization"]
	if len(header) == 0 {
		if who, ok := s.owner(c); ok {
			c.who = who
			return nil
		}
		if public(c.r.URL.Path) {
			return nil
		}
		return unauthorized()
	}
	text, ok := bearer(header)
	if !ok {
		return unauthorized()
	}
	who, err := s.identify(c.ctx(), text)
	if errors.Is(err, auth.ErrUnauthorized) {
		return unauthorized()
	}
	c.who = who
	return err
}

// unauthorized is the same answer whatever was wrong with the token.
func unauthorized() error {
	return refuse(CodeUnauthorized, "no token, or one that was mistyped or revoked or has expired; an admin makes one with mlq token create, and it goes as Authorization: Bearer TOKEN")
}

func bearer(header []string) (string, bool) {
	const scheme = "bearer "
	if len(header) != 1 || len(header[0]) < len(scheme) || !strings.EqualFold(header[0][:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(header[0][len(scheme):]), true
}

func (s *Server) identify(ctx context.Context, text string) (auth.Identity, error) {
	if job, n, secret, ok := token.ParseAttempt(text); ok {
		return s.identifyAttempt(ctx, scheduler.JobID(job), n, secret, auth.CacheFor)
	}
	return s.opts.Tokens.Check(ctx, text)
}

// identifyAttempt: the token of an attempt is good while its lease is, and
// acts as the job's user. That its agent's token is good was read less than age ago.
func (s *Server) identifyAttempt(ctx context.Context, id scheduler.JobID, n int, secret string, age time.Duration) (auth.Identity, error) {
	known, isKnown := s.opts.Tokens.KnownAttempt(secret, age)
	job, err := s.scheduler.Job(ctx, id)
	if err == nil && !isKnown && s.opts.Ring != nil && runs(&job, n, secret) {
		job, err = s.attemptJob(ctx, id)
	}
	if errors.Is(err, scheduler.ErrNotFound) {
		return auth.Identity{}, auth.ErrUnauthorized
	}
	if err != nil {
		return auth.Identity{}, err
	}
	if !runs(&job, n, secret) {
		return auth.Identity{}, auth.ErrUnauthorized
	}
	if isKnown {
		return known, nil
	}
	who := auth.Identity{
		User: job.User, Unix: job.Unix, Role: auth.RoleAttempt, Token: "attempt", Job: int64(id), Attempt: n,
	}
	if s.opts.Ring == nil {
		return who, nil
	}
	a := job.Attempt()
	return who, s.opts.Tokens.CheckAttempt(ctx, secret, a.Host, a.ClaimID, who)
}

// runs: the job's attempt n has that secret, and its lease.
func runs(job *scheduler.Job, n int, secret string) bool {
	a, hash := job.Attempt(), token.Hash(secret)
	return job.State.Active() && a != nil && a.N == n && subtle.ConstantTimeCompare(hash[:], a.TokenSHA256) == 1
}

// attemptJob reads the job of a token that is the attempt's. Whose it is, is believed of a signed
// spec only, once for as long as the token is remembered. Who has another token is refused before:
// anybody could fill the log with an unsigned job's.
func (s *Server) attemptJob(ctx context.Context, id scheduler.JobID) (scheduler.Job, error) {
	job, _, err := s.scheduler.SignedJob(ctx, id)
	if errors.Is(err, scheduler.ErrUnsigned) {
		s.log.Error().Err(err).Int64("job", int64(id)).Msg("refused the token of a job that no server has signed: somebody else wrote to the store, or another server has another key")
		return job, auth.ErrUnauthorized
	}
	return job, err
}

// owner: in dev, whoever started the server needs no token; any other user of
// the machine does.
func (s *Server) owner(c *call) (auth.Identity, bool) {
	if !s.opts.Dev || !peerIs(c.r, s.opts.Owner.UID) {
		return auth.Identity{}, false
	}
	return s.ownerIdentity(), true
}

func (s *Server) ownerIdentity() auth.Identity {
	return auth.Identity{User: s.opts.Owner.Name, Unix: s.opts.Owner.Name, Role: auth.RoleAdmin, Token: tokenOfOwner}
}

// submitter is what the scheduler is told of who asks.
func (s *Server) submitter(c *call) (scheduler.Who, error) {
	asks := c.who
	if asks.Token == tokenOfOwner || asks.Role == auth.RoleAttempt {
		var err error
		if asks, err = s.opts.Tokens.Complete(c.ctx(), asks); err != nil {
			return scheduler.Who{}, err
		}
	}
	return s.limited(asks), nil
}

// limited is somebody with the limits that hold for them here.
func (s *Server) limited(asks auth.Identity) scheduler.Who {
	who := scheduler.Who{
		User: asks.User, Unix: asks.Unix, Admin: asks.Role == auth.RoleAdmin,
		MaxQueued: asks.MaxQueued, MaxDevices: asks.MaxDevices, MaxTimeout: asks.MaxTimeout,
		MaxTimeoutOfAll: s.opts.MaxTimeout, DefaultTimeout: s.opts.DefaultTimeout,
		MaxResultTTL: s.opts.MaxResultTTL, DefaultResultTTL: s.opts.DefaultResultTTL,
	}
	fill(&who.MaxQueued, s.opts.MaxQueued)
	return who
}

// tokenOfOwner stands for a token where the owner of a dev server needs none.
const tokenOfOwner = auth.OwnerToken

// sees reports whether who asks may see a job of that user.
func (c *call) sees(user string) bool {
	return c.who.Role == auth.RoleAdmin || c.who.User == user
}
