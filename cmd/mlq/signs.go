package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/scheduler"
)

// wordsPatience is how long the words of a status may take.
const wordsPatience = 2 * time.Second

// agentSigns are an agent's signs of life: ready is when it has joined.
func agentSigns(a *agent.Agent, joined <-chan struct{}) supervised {
	return supervised{
		await: func(ctx context.Context) {
			select {
			case <-joined:
			case <-ctx.Done():
			}
		},
		alive: func(context.Context) error { return a.Stuck() },
		words: func(context.Context) string { return a.InWords() },
	}
}

// serverSigns are a server's: it answers as a client sees it, and its loops go
// round. What it answers does not count, for a store that is away is not mended
// by a new server.
func serverSigns(s *server) (supervised, error) {
	// By the certificate that it has just read, whatever names stand in that.
	self, err := newRemote(s.url, "", s.fingerprint)
	if err != nil {
		return supervised{}, err
	}
	return supervised{
		await: func(ctx context.Context) {
			for ctx.Err() == nil && answers(ctx, self) != nil {
				pause(ctx, 50*time.Millisecond)
			}
		},
		alive: func(ctx context.Context) error { return errors.Join(s.scheduler.Stuck(), answers(ctx, self)) },
		words: func(ctx context.Context) string { return s.inWords(ctx) },
	}, nil
}

// answers asks over a connection of its own, so that accepting is tried too.
func answers(ctx context.Context, self *remote) error {
	request, err := self.request(ctx, http.MethodGet, "/healthz", nil, nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := self.http.Do(request)
	if err != nil {
		return fmt.Errorf("it does not answer itself: %w", err)
	}
	return response.Body.Close()
}

// inWords says what the server does, for people.
func (s *server) inWords(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, wordsPatience)
	defer cancel()
	jobs, err := s.scheduler.JobCount(ctx)
	if err != nil {
		return "serves at " + s.url + ", but its store does not answer"
	}
	return fmt.Sprintf("serves at %s: %d jobs run, %d wait", s.url,
		jobs[scheduler.Leased]+jobs[scheduler.Running], jobs[scheduler.Queued])
}

// pause waits, or returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
