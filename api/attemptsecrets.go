package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// attemptSecrets answers GET /jobs/{id}/attempts/{n}/secrets?fence=: the values of
// the secrets that a job named, by variable, to the agent that is about to start it.
// It is the only answer that has values. Whose secrets and which ones is read from the
// spec, which a server has signed: whoever can write to the store names no secret.
func (s *Server) attemptSecrets(c *call) error {
	job, err := s.startingHere(c)
	if err != nil {
		return err
	}
	spec, err := s.scheduler.Spec(c.ctx(), job.ID)
	if err != nil {
		return err
	}
	if err := s.scheduler.Verify(&job, &spec); err != nil {
		s.log.Error().Err(err).Int64("job", int64(job.ID)).Str("host", c.who.User).Msg("refused the secrets of a job that no server has signed: somebody else wrote to the store, or another server has another key")
		return refuse(CodeForbidden, "no server has signed this job")
	}
	if err := job.MayRunOn(job.Attempt().Host); err != nil { // a lease is not signed, what the job asks is
		return refuse(CodeForbidden, err.Error())
	}
	defer s.whileGood(c)() // the call may be large, and is hashed
	p, err := s.wholeRequest(c.ctx(), spec)
	if err != nil {
		return c.orRevoked(err)
	}
	if err := s.revokedNow(c)(); err != nil { // while it is hashed that is asked only every recheckEvery
		return err
	}
	values, err := s.opts.Secrets.Values(c.ctx(), spec.User, p.SecretNames())
	if missing, ok := errors.AsType[*secrets.MissingError](err); ok {
		return refuseField(CodeUnknownSecret, "/secrets", fmt.Sprintf("the secret %s was removed before the job started", missing.Name))
	}
	if damaged, ok := errors.AsType[*secrets.DamagedError](err); ok { // it fails that job alone: of a 500 agents think that the server is away
		return refuseField(CodeUnknownSecret, "/secrets", damaged.Error())
	}
	if err != nil {
		return c.orRevoked(err)
	}
	variables := make(map[string]string, len(p.Request.Secrets))
	for variable, name := range p.Request.Secrets {
		variables[variable] = values[name]
	}
	return s.write(c, http.StatusOK, map[string]map[string]string{"variables": variables})
}

// startingHere is the job in the path if its attempt is leased to the host of who asks
// and has not started: after that nobody needs to ask again.
func (s *Server) startingHere(c *call) (scheduler.Job, error) {
	ref, n, err := c.leaseOfPath()
	if err != nil {
		return scheduler.Job{}, err
	}
	job, err := s.scheduler.Job(c.ctx(), ref.Job)
	if err != nil {
		return job, err
	}
	a := job.Attempt()
	switch {
	case job.State != scheduler.Leased || a == nil || a.N != n || a.Fence != ref.Fence:
		return job, scheduler.ErrStale
	case !s.isAgentOf(c, a.Host):
		return job, refuse(CodeForbidden, "secrets go to the agent of the lease's host alone")
	}
	return job, nil
}

// isAgentOf reports whether an agent of that host asks. An admin is none, though they may
// do all else; in dev the agent is the owner.
func (s *Server) isAgentOf(c *call, host string) bool {
	return s.opts.Dev && c.who.Role == auth.RoleAdmin || c.who.Role == auth.RoleAgent && isHostOf(host, c.who.User)
}

// isHostOf reports whether a host's name is that of a token, or of one of its devices (NAME@DEVICE).
func isHostOf(host, name string) bool {
	return host == name || len(host) > len(name) && host[:len(name)] == name && host[len(name)] == '@'
}

// wholeRequest parses a spec, wherever its body lies: that, too, is what was signed, for its
// SHA-256 stands in the spec. Of an envelope the header is enough. Errors: errDamagedBlob.
func (s *Server) wholeRequest(ctx context.Context, spec scheduler.Spec) (*submission.Parsed, error) {
	p, err := submission.Parse(spec.Media, spec.Body)
	if err != nil || p.Call.Kind != submission.KindRef {
		return p, err
	}
	ref := p.Call.Ref
	if ref.Media == scheduler.MediaEnvelope {
		return s.requestOfCall(ctx, ref)
	}
	text, err := readBlob(ctx, s.opts.Blobs, ref.SHA256, math.MaxInt64) // it was taken, whatever the limit is now
	if err != nil {
		return nil, fmt.Errorf("read the spec: %w", err)
	}
	return submission.Parse(ref.Media, text)
}

// requestOfCall is what the header of an envelope asks for.
func (s *Server) requestOfCall(ctx context.Context, ref submission.Ref) (*submission.Parsed, error) {
	if err := s.calls.check(ctx, ref.SHA256); err != nil {
		return nil, err
	}
	body, err := s.opts.Blobs.Open(ctx, ref.SHA256)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read
	h, err := envelope.ReadHeader(io.NewSectionReader(body, 0, body.Size))
	if err != nil {
		return nil, err
	}
	return submission.FromHeader(h)
}
