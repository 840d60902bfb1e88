package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// Door is where a server is reached.
type Door struct {
	URL    string
	Client *http.Client
}

// tryTime is how long one request may take, beyond what it asks the server to wait.
const tryTime = 4 * time.Second

// errUnknown: nobody said whether it was done.
var errUnknown = errors.New("no answer")

// refusal is an answer that says no, and that nothing was done.
type refusal struct {
	code   string
	status int
}

func (r refusal) Error() string { return fmt.Sprintf("refused: %d %s", r.status, r.code) }

// request is one that can be made again.
type request struct {
	method, path string
	key          string // Idempotency-Key
	body         []byte
	wait         time.Duration
}

// send makes one try. Its error is errUnknown or a refusal. What ctx counts (counted) are
// all requests that it became.
func (d Door) send(ctx context.Context, token string, q request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime+q.wait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, d.URL+q.path, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	answer, err := d.Client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	return read(answer, text, into)
}

// sent tells of the requests of a context how many were sent, and when the last one began.
type sent struct{ tries, last atomic.Int64 }

// counted counts the requests of a context. Go's own client sends one with an
// Idempotency-Key again where its connection broke: it has a connection for each.
func counted(ctx context.Context) (context.Context, *sent) {
	s := new(sent)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		s.tries.Add(1)
		s.last.Store(int64(boottime.Now()))
	}}), s
}

// read understands an answer. One that MLQ did not write is none, and neither is
// a 5xx: the server may not know itself.
func read(answer *http.Response, text []byte, into any) error {
	switch answer.StatusCode / 100 {
	case 2:
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%w: %w", errUnknown, err)
		}
		return nil
	case 4:
		var p api.Problem
		if err := json.Unmarshal(text, &p); err != nil || p.Code == "" {
			return fmt.Errorf("%w: %s", errUnknown, answer.Status)
		}
		return refusal{string(p.Code), answer.StatusCode}
	}
	return fmt.Errorf("%w: %s", errUnknown, answer.Status)
}
