package agentclient

import (
	"bufio"
	"context"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api"
)

const (
	// silence is after how long without a byte a stream counts as dead; the
	// server sends some every 5 s.
	silence = 15 * time.Second
	// firstRetry and lastRetry bound the pause before the next connection.
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// Notices implements agent.Scheduler: one stream, opened again whenever it
// breaks. The server begins each with a notice, for what was missed.
func (s *Scheduler) Notices(ctx context.Context, _ string) (<-chan struct{}, error) {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for pause := firstRetry; ctx.Err() == nil; pause = min(2*pause, lastRetry) {
			if s.follow(ctx, out) {
				pause = firstRetry
			}
			wait(ctx, pause)
		}
	}()
	return out, nil
}

// follow passes the notices of one stream on until it ends, and reports whether
// it had any.
func (s *Scheduler) follow(ctx context.Context, out chan<- struct{}) (some bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, err := s.send(ctx, http.MethodGet, "/notices", nil)
	if err != nil {
		return false // the renewals say what is the matter
	}
	defer response.Body.Close() //nolint:errcheck // only read
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		dead.Reset(silence)
		if lines.Text() != api.NoticeLine {
			continue
		}
		some = true
		select {
		case out <- struct{}{}:
		default: // one is waiting already
		}
	}
	return some
}
