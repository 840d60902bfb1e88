package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// scheduler is the server as the scheduler of an agent, over connections of its
// own: a heartbeat must not wait behind an upload.
func (r *remote) scheduler(host string, timing scheduler.Timing) *agentclient.Scheduler {
	transport := r.http.Transport.(*http.Transport).Clone() //nolint:forcetypeassert // newRemote's
	return agentclient.New(agentclient.Options{
		Server: r.base, Token: r.token, Host: host, Timing: timing,
		HTTP: &http.Client{Transport: agentclient.Transport(transport), CheckRedirect: refuseRedirect},
	})
}

// agentAPI is the HTTP server as the agent needs it.
type agentAPI struct{ *remote }

var _ agent.API = agentAPI{}

// GetBlob implements agent.API.
func (a agentAPI) GetBlob(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	response, err := a.do(ctx, http.MethodGet, "/blobs/"+sha256, nil, nil)
	if err != nil {
		return nil, final(err)
	}
	return response.Body, nil
}

// PutBlob implements agent.API.
func (a agentAPI) PutBlob(ctx context.Context, sha256 string, size int64, body io.ReaderAt) error {
	return a.put(ctx, "/blobs/"+sha256, nil, size, fromStart(body, size))
}

// fromStart reads body with an offset of its own: a try that was answered early may
// still be read from while the next one begins. Of a file it is the file opened again,
// which over plain HTTP goes to the connection within the kernel; who sends it closes it.
func fromStart(body io.ReaderAt, size int64) io.Reader {
	if file, ok := body.(*os.File); ok {
		if again, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(file.Fd()))); err == nil {
			if isOfSize(again, size) {
				return again
			}
			again.Close() // it has grown since, and only what was hashed may go
		}
	}
	return io.NewSectionReader(body, 0, size)
}

func isOfSize(file *os.File, size int64) bool {
	info, err := file.Stat()
	return err == nil && info.Size() == size
}

// PutLog implements agent.API.
func (a agentAPI) PutLog(ctx context.Context, ref scheduler.LeaseRef, attempt int, offset int64, piece []byte) error {
	query := url.Values{
		"offset": {strconv.FormatInt(offset, 10)},
		"fence":  {strconv.FormatUint(ref.Fence, 10)},
	}
	path := jobPath(ref.Job, "/attempts/"+strconv.Itoa(attempt)+"/log")
	return a.put(ctx, path, query, int64(len(piece)), bytes.NewReader(piece))
}

// Functions implements agent.API. Of a list that is damaged in the store there are none: a message waits
// until they are registered again, and a process that is to keep one fails.
func (a agentAPI) Functions(ctx context.Context, user string) ([]agent.Function, error) {
	var answer struct{ Functions []api.Function }
	if err := a.get(ctx, "/consumer", url.Values{"user": {user}}, &answer); err != nil && !has(err, api.CodeDamaged) {
		return nil, final(err)
	}
	list := make([]agent.Function, len(answer.Functions))
	for i, f := range answer.Functions {
		list[i] = agent.Function{Name: f.Name, SHA256: f.SHA256, Form: f.Form, Keep: f.Keep, Idle: f.Idle, Filename: f.Filename}
	}
	return list, nil
}

// Secrets implements agent.API.
func (a agentAPI) Secrets(ctx context.Context, ref scheduler.LeaseRef, attempt int) (map[string]string, error) {
	var answer struct{ Variables map[string]string }
	query := url.Values{"fence": {strconv.FormatUint(ref.Fence, 10)}}
	err := a.get(ctx, jobPath(ref.Job, "/attempts/"+strconv.Itoa(attempt)+"/secrets"), query, &answer)
	if has(err, api.CodeUnknownSecret) {
		return nil, fmt.Errorf("%w: %w", agent.ErrNoSecret, err)
	}
	return answer.Variables, final(err)
}

// signers asks for the keys by which servers sign jobs.
func (a agentAPI) signers(host string) func(context.Context) (signing.Set, error) {
	return func(ctx context.Context) (set signing.Set, err error) {
		err = a.get(ctx, "/agents/"+url.PathEscape(host)+"/signers", nil, &set)
		if has(err, api.CodeNotFound) {
			err = fmt.Errorf("the server is older than this agent and signs nothing; upgrade the servers first: %w", err)
		}
		return set, err
	}
}

// attemptSecret makes the secrets of the tokens of jobs, as the agent with this remote's token; in dev,
// where it has none, as the server.
func (p *hostParts) attemptSecret() func(scheduler.JobID, string) string {
	if p.server.token == "" && p.ring != nil {
		return func(job scheduler.JobID, claim string) string { return auth.SignOwnAttempt(p.ring, job, claim) }
	}
	return func(job scheduler.JobID, claim string) string { return auth.SignAttempt(p.server.token, job, claim) }
}

// Ready implements agent.API.
func (a agentAPI) Ready(ctx context.Context) error {
	return a.get(ctx, "/readyz", nil, nil)
}

// put sends bytes of a known size.
func (a agentAPI) put(ctx context.Context, path string, query url.Values, size int64, body io.Reader) error {
	request, err := a.request(ctx, http.MethodPut, path, query, body)
	if err != nil {
		return err
	}
	request.ContentLength = size
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := a.answer(request)
	if err != nil {
		return final(err)
	}
	return response.Body.Close()
}

// final marks what repeating cannot mend: an answer that blames the request.
func final(err error) error {
	var e *api.Error
	if !errors.As(err, &e) || e.Status/100 != 4 || e.RetryAfter > 0 || e.Code == api.CodeUnauthorized || e.Code == api.CodeSlow {
		return err
	}
	return fmt.Errorf("%w: %w", agent.ErrRefused, err)
}
