// Package agentclient is the scheduler of an agent that has no store: it asks a
// server over HTTP, which runs the transitions. api/agents.go is the other end;
// agent/agenttest holds it to what a scheduler on the store itself does.
//
// A call whose answer is lost, or is not one of MLQ's, has an unknown outcome:
// it is made again, a few times, and then fails with store.ErrUnavailable. The
// server recognises the repeat. Refusals are the scheduler's sentinels.
package agentclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Options of a Scheduler. All must be given.
type Options struct {
	// Server is the base URL, Token one of the role agent whose user is Host, or
	// the part of it before the @.
	Server, Token, Host string
	// HTTP reaches the server. It is best an own client of this scheduler: what
	// shares a connection with uploads waits behind them. See Transport.
	HTTP   *http.Client
	Timing scheduler.Timing
}

// Scheduler is an agent.Scheduler. Safe for concurrent use.
type Scheduler struct {
	opts   Options
	base   string
	number atomic.Uint64 // of the last renewal
}

// New makes a scheduler for the agent of one host. It connects to nothing yet.
func New(o Options) *Scheduler {
	return &Scheduler{opts: o, base: o.Server + "/agents/" + url.PathEscape(o.Host)}
}

// Transport prepares an HTTP transport for this: one connection of HTTP/2 that
// went dead must not hold up a heartbeat for as long as the kernel believes in it.
func Transport(t *http.Transport) *http.Transport {
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{}
	}
	t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = 2*time.Second, 2*time.Second
	t.ResponseHeaderTimeout = oneTry
	return t
}

// Timing gives the times of this agent; the server checks at the join that they
// fit its own.
func (s *Scheduler) Timing() scheduler.Timing { return s.opts.Timing }

// maxAnswer bounds an answer in memory.
const maxAnswer = 64 << 20

// post sends in as JSON and reads the answer into out, if that is not nil.
func (s *Scheduler) post(ctx context.Context, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return persist(ctx, func(ctx context.Context) error { return s.once(ctx, http.MethodPost, path, text, out) })
}

func (s *Scheduler) get(ctx context.Context, path string, out any) error {
	return persist(ctx, func(ctx context.Context) error { return s.once(ctx, http.MethodGet, path, nil, out) })
}

// once asks one time.
func (s *Scheduler) once(ctx context.Context, method, path string, body []byte, out any) error {
	response, err := s.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return unavailable(ctx, fmt.Errorf("the answer broke off: %w", err))
	}
	return nil
}

// send gives the answer if it is a success; the caller closes its body.
func (s *Scheduler) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+s.opts.Token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", scheduler.MediaJSON)
	}
	response, err := s.opts.HTTP.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, unavailable(ctx, err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close() //nolint:errcheck // only read
		return nil, s.refusal(ctx, response)
	}
	return response, nil
}

// unavailable: nobody knows what became of the call. The end of the caller's
// own context is told as itself.
func unavailable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: no answer from the server: %w", store.ErrUnavailable, err)
}

// refusal is what an answer that is no success means to an agent.
func (s *Scheduler) refusal(ctx context.Context, response *http.Response) error {
	e := api.ReadError(response)
	switch {
	case e.Code == api.CodeUnauthorized:
		return fmt.Errorf("%w: the server does not take this agent's token (401); an admin makes one with mlq token create --role agent --user %s", scheduler.ErrForbidden, s.opts.Host)
	case e.Code == api.CodeNotFound && e.Job == 0:
		// Not "no such job", for which results are thrown away.
		return unavailable(ctx, errors.New("it has no such path: its version is older than this agent's; upgrade the servers first"))
	case e.Code == api.Code(submission.CodeUnknownField):
		// A refusal that a newer server takes back: nothing is given up for it.
		return unavailable(ctx, fmt.Errorf("it does not know what this agent sends (%w): its version is older than this agent's; upgrade the servers first", e))
	case response.StatusCode >= 500 && e.Unwrap() == nil, e.Code == api.CodeBadAnswer, e.Code == api.CodeSlow, response.StatusCode == http.StatusTooManyRequests:
		return unavailable(ctx, e)
	}
	return e
}
