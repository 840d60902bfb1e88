package api

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mlq-dev/mlq/internal/blob"
)

// remoteStream reads a blob that is sent from its beginning on. Who reads on where
// it stands costs nothing; a jump ends the answer under way and opens another.
type remoteStream struct {
	size int64 // bytes
	open func(from int64) (io.ReadCloser, error)

	mu   sync.Mutex
	at   int64         // where body stands
	body io.ReadCloser // nil: none under way
	err  error         // why it broke off
}

// shortJump is read over rather than asked for anew, in bytes.
const shortJump = 64 << 10

// ReadAt implements io.ReaderAt.
func (s *remoteStream) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if off >= s.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), s.size-off)]
	if err := s.moveTo(off); err != nil {
		return 0, s.broken(err)
	}
	n, err := io.ReadFull(s.body, want)
	s.at += int64(n)
	if err != nil {
		return n, s.broken(err)
	}
	if len(want) < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *remoteStream) moveTo(off int64) error {
	if jump := off - s.at; s.body != nil && jump >= 0 && jump <= shortJump {
		n, err := io.CopyN(io.Discard, s.body, jump)
		s.at += n
		return err
	}
	if err := s.drop(); err != nil {
		return err
	}
	body, err := s.open(off)
	s.body, s.at = body, off
	return err
}

// broken notes why nothing more comes; an end before the end is a failure of
// the other server.
func (s *remoteStream) broken(err error) error {
	if !errors.Is(err, blob.ErrAway) {
		err = fmt.Errorf("%w: a blob broke off: %w", blob.ErrAway, err)
	}
	s.err = err
	return errors.Join(err, s.drop())
}

func (s *remoteStream) drop() error {
	body := s.body
	s.body = nil
	if body == nil {
		return nil
	}
	return body.Close()
}

// failure is why the stream broke off, nil if it did not.
func (s *remoteStream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the answer under way.
func (s *remoteStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop()
}
