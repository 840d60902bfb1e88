package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/mlq-dev/mlq/internal/blob"
)

// request is a question to the server that has the blobs.
type request struct {
	method string
	path   string
	query  url.Values
	ranged string    // "": all of it
	body   io.Reader // nil: none
}

// do asks, and gives the answer if it is a success; the caller closes its body.
func (b *RemoteBlobs) do(ctx context.Context, ask request) (*http.Response, error) {
	target := b.base + ask.path
	if len(ask.query) > 0 {
		target += "?" + ask.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, ask.method, target, ask.body)
	if err != nil {
		return nil, fmt.Errorf("ask for blobs: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	r.Header.Set(HeaderBlobs, b.identity)
	if ask.ranged != "" {
		r.Header.Set("Range", ask.ranged)
	}
	if ask.body != nil {
		r.Header.Set("Content-Type", mediaBytes)
	}
	response, err := b.http.Do(r)
	if err != nil {
		return nil, b.unreachable(ctx, err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close() //nolint:errcheck // only read
		return nil, b.refusal(response)
	}
	return response, nil
}

func (b *RemoteBlobs) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return b.away(err.Error())
}

func (b *RemoteBlobs) away(why string) error {
	return fmt.Errorf("%w: %s: %s", blob.ErrAway, b.base, why)
}

// refusal is what an answer that is no success means to who uses blobs. What
// the other server thinks of this one is no business of a user's: it is away.
func (b *RemoteBlobs) refusal(response *http.Response) error {
	e := ReadError(response)
	switch {
	case response.StatusCode == http.StatusNotFound: // a HEAD's has no body that says more
		return blob.ErrNotFound
	case e.Code == CodeDigest:
		return blob.ErrDigest
	case e.Code == CodeTooLarge:
		return blob.ErrTooLarge
	case e.Code == CodeDiskFull, e.Code == CodeLogGap:
		return e
	case e.Code == CodeOtherBlobs:
		return fmt.Errorf("%w: %w", ErrOtherBlobs, b.away(e.Error()))
	}
	return b.away(e.Error())
}

// rest reads a blob from byte from on.
func (b *RemoteBlobs) rest(ctx context.Context, path string, from int64) (io.ReadCloser, error) {
	ranged := "bytes=" + strconv.FormatInt(from, 10) + "-"
	response, err := b.do(ctx, request{method: http.MethodGet, path: path, ranged: ranged})
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusPartialContent {
		return nil, errors.Join(b.away("it does not serve ranges"), response.Body.Close())
	}
	return response.Body, nil
}

// put sends what r delivers. An error of r is returned as it is: the other
// server has then seen a body without an end, and kept nothing.
func (b *RemoteBlobs) put(ctx context.Context, ask request, r io.Reader, limit int64) (*http.Response, error) {
	body := &lent{r: blob.Limit(r, limit)}
	ask.body = body
	response, err := b.do(ctx, ask)
	if failure := body.takeBack(); failure != nil {
		if response != nil {
			failure = errors.Join(failure, response.Body.Close())
		}
		return nil, failure
	}
	return response, err
}

// lent is a request's body in the hands of the HTTP client, which may go on
// reading it after it has answered. Once taken back nobody reads it.
type lent struct {
	mu    sync.Mutex
	r     io.Reader
	err   error // of r
	taken bool
}

// Read reads, unless the body was taken back.
func (l *lent) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return 0, io.ErrClosedPipe
	}
	n, err := l.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// takeBack ends the loan and tells what went wrong with the body.
func (l *lent) takeBack() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = true
	return l.err
}
