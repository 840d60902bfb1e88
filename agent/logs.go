package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// How a log travels: often enough to be read live, in pieces that cost little.
const (
	logEvery = 250 * time.Millisecond
	logPiece = 1 << 20 // bytes
)

// logShipper sends the log of one attempt as it grows. The file only grows by
// appending, so a piece is named by its offset and can be sent again.
type logShipper struct {
	api     API
	ref     scheduler.LeaseRef
	attempt int
	log     zerolog.Logger

	mu   sync.Mutex
	path string
	size int64 // how far the file has grown
	sent int64
	wake chan struct{} // has a token when there may be something to send
	// sending is held by whoever sends, so that pieces go in order; under it stand the
	// outage of the server, and how much was sent before it.
	sending sync.Mutex
	away    outage
	before  int64
}

func newLogShipper(api API, ref scheduler.LeaseRef, attempt int, log zerolog.Logger) *logShipper {
	return &logShipper{api: api, ref: ref, attempt: attempt, log: log, wake: make(chan struct{}, 1)}
}

// open names the file; the same one may be named again.
func (s *logShipper) open(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = path
}

// grow notes how many bytes the file has.
func (s *logShipper) grow(size int64) {
	s.mu.Lock()
	s.size = max(s.size, size)
	s.mu.Unlock()
	s.nudge()
}

func (s *logShipper) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sends until ctx ends.
func (s *logShipper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if err := s.drain(ctx); err != nil && ctx.Err() == nil {
			s.nudge()
			sleep(ctx, time.Second)
			continue
		}
		sleep(ctx, logEvery)
	}
}

// drain sends all that is there.
func (s *logShipper) drain(ctx context.Context) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	for {
		s.mu.Lock()
		path, from, to := s.path, s.sent, min(s.size, s.sent+logPiece)
		s.mu.Unlock()
		if from == to || path == "" {
			return nil
		}
		if err := s.send(ctx, path, from, to); err != nil {
			s.failed(ctx, err, from)
			return err
		}
		s.works()
	}
}

// failed tells that pieces from an offset on cannot be sent: once for each cause, and every
// awayAgain, however often it is tried. Between two successes the offset stays the same.
func (s *logShipper) failed(ctx context.Context, err error, from int64) {
	if ctx.Err() == nil && s.away.fails(err, time.Now()) {
		s.before = from
		s.log.Warn().Err(err).Msg("cannot send the log, trying again")
	}
}

// works tells that an outage is over, how long it was, and how much has waited.
func (s *logShipper) works() {
	lasted, was := s.away.ends(time.Now())
	if !was {
		return
	}
	s.mu.Lock()
	waited := s.size - s.before
	s.mu.Unlock()
	s.log.Info().Dur("away_ms", lasted).Int64("bytes", waited).Msg("the log can be sent again")
}

func (s *logShipper) send(ctx context.Context, path string, from, to int64) error {
	piece, err := readPiece(path, from, to)
	if err != nil {
		return err
	}
	err = s.api.PutLog(ctx, s.ref, s.attempt, from, piece)
	if err != nil && !errors.Is(err, ErrRefused) {
		return err
	}
	if err != nil {
		s.log.Warn().Err(err).Int64("offset", from).Msg("a piece of the log was refused")
	}
	s.mu.Lock()
	s.sent = to
	s.mu.Unlock()
	return nil
}

func readPiece(path string, from, to int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer closeFile(f)
	piece := make([]byte, to-from)
	_, err = io.ReadFull(io.NewSectionReader(f, from, to-from), piece)
	return piece, err
}

// end says in the log itself that the rest of it is missing, and why: who reads it would not know.
func (s *logShipper) end(ctx context.Context, patience time.Duration, why string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.sending.Lock()
	defer s.sending.Unlock()
	text := fmt.Appendf(nil, "\n[mlq: the output from here on is lost: %s]\n", why)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := s.api.PutLog(ctx, s.ref, s.attempt, s.sent, text)
		if err == nil {
			return
		}
		if errors.Is(err, ErrRefused) || ctx.Err() != nil {
			s.log.Warn().Err(err).Str("lost", why).Msg("cannot say in the log that its end is lost")
			return
		}
		sleep(ctx, pause)
	}
}

// flush sends what is left at the end of the job, without waiting for the
// next turn, and tries for so long at most.
func (s *logShipper) flush(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.drain(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			s.log.Warn().Err(err).Msg("the end of the log could not be sent")
			return
		}
		sleep(ctx, 500*time.Millisecond)
	}
}
