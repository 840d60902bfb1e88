package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// newsEvery is how often the child looks whether what it says of the driver as
// a whole is another; it does so before each answer too.
const newsEvery = time.Second

// Serve answers for a provider until ctx or the input ends. It does not wait
// for questions that hang, and does not close the provider: whoever calls it
// ends the process. An error: the input was no question, or nobody reads the answers.
func Serve(ctx context.Context, p gpu.Provider, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &server{provider: p, out: lines{out: out}, failed: cancel}
	s.news()
	go s.events(ctx)
	go s.newsLoop(ctx)
	questions := make(chan request)
	go s.read(ctx, in, questions)
	for {
		select {
		case r, ok := <-questions:
			if !ok {
				return nil
			}
			go s.answer(ctx, r)
		case <-ctx.Done():
			if err := context.Cause(ctx); err != context.Canceled { //nolint:errorlint // told apart from a failure of ours
				return err
			}
			return nil
		}
	}
}

// Refuse says, instead of Serve, why the driver cannot be opened.
func Refuse(out io.Writer, why error) error {
	l := lines{out: out}
	return l.write(message{Refused: why.Error()})
}

type server struct {
	provider gpu.Provider
	out      lines
	failed   context.CancelCauseFunc

	mu   sync.Mutex // guards told, and keeps news in order
	told *gpu.Info
}

// read closes questions at the end of the input.
func (s *server) read(ctx context.Context, in io.Reader, questions chan<- request) {
	defer close(questions)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, longestRequest)
	for scanner.Scan() {
		var r request
		if err := json.Unmarshal(scanner.Bytes(), &r); err != nil {
			s.failed(fmt.Errorf("probe: no question: %w", err))
			<-ctx.Done()
			return
		}
		select {
		case questions <- r:
		case <-ctx.Done():
			return
		}
	}
	if err := scanner.Err(); err != nil {
		s.failed(fmt.Errorf("probe: read: %w", err))
		<-ctx.Done()
	}
}

func (s *server) answer(ctx context.Context, r request) {
	m := s.ask(ctx, r)
	m.ID = r.ID
	s.news() // first, so that whoever reads "down" can read why
	s.tell(m)
}

func (s *server) ask(ctx context.Context, r request) (m message) {
	var err error
	switch r.Call {
	case callDevices:
		m.Devices, err = s.provider.Devices(ctx)
	case callLinks:
		m.Links, err = s.provider.Links(ctx)
	case callSample:
		var sample gpu.Sample
		sample, err = s.provider.Sample(ctx, r.UUID)
		m.Sample = &sample
	default:
		err = fmt.Errorf("no question %q", r.Call)
	}
	if err != nil {
		return message{Error: err.Error()}
	}
	return m
}

func (s *server) events(ctx context.Context) {
	for events := s.provider.Watch(ctx); ; {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			s.tell(message{Event: &e})
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) newsLoop(ctx context.Context) {
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.news()
		case <-ctx.Done():
			return
		}
	}
}

// news tells what the provider says of itself, if that is another than before.
func (s *server) news() {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := s.provider.Info()
	if s.told != nil && reflect.DeepEqual(info, *s.told) {
		return
	}
	s.told = &info
	s.tell(message{Info: &info})
}

// tell ends the serving when nobody reads any more.
func (s *server) tell(m message) {
	if err := s.out.write(m); err != nil {
		s.failed(fmt.Errorf("probe: answer: %w", err))
	}
}
