package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// state is what is known of the driver through all children. The keeper alone
// moves it, but for detach and attach, which say what an admin wants.
type state struct {
	mu       sync.Mutex
	child    *child // that can be asked; nil: none
	why      string // none can, "" while one can
	devices  []gpu.Device
	links    []gpu.Link
	told     gpu.Info // what a child last said
	detached bool
	lettings int // how often it was detached

	first  chan struct{} // closed when the first opening has come to an end
	wanted chan struct{} // has a token when an admin wants something else
	vacant chan struct{} // closed while there is no process
}

func (s *state) init() {
	s.why = "the driver is being opened"
	s.first, s.wanted, s.vacant = make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	close(s.vacant)
}

// opened waits until the first opening has come to an end.
func (s *state) opened(ctx context.Context) error {
	select {
	case <-s.first:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", s.problem(), context.Cause(ctx))
	}
}

// answering is the child to ask, or nil and why there is none.
func (s *state) answering() (*child, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child, s.why
}

func (s *state) problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

func (s *state) lists() ([]gpu.Device, []gpu.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]gpu.Device(nil), s.devices...), append([]gpu.Link(nil), s.links...)
}

func (s *state) keepDevices(devices []gpu.Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices = append([]gpu.Device(nil), devices...)
}

func (s *state) keepLinks(links []gpu.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append([]gpu.Link(nil), links...)
}

func (s *state) info() gpu.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.told
	i.Detached = s.detached
	if s.child == nil {
		i.Problem = s.why
	}
	return i
}

// starts notes that a process is started, and gives a mark for unwanted; false: an
// admin does not want it.
func (s *state) starts() (mark int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return 0, false
	}
	s.vacant = make(chan struct{})
	return s.lettings, true
}

// unwanted reports whether an admin has taken the driver away since that start,
// also where it was given back meanwhile: nobody asks that process any more.
func (s *state) unwanted(mark int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lettings != mark
}

// says takes in what a child says of the driver. fresh: it has opened the driver
// with this, or the driver answers again.
func (s *state) says(c *child, i gpu.Info) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return false
	}
	fresh = i.Problem == "" && (s.child != c || s.told.Problem != "" || s.told.Generation != i.Generation)
	s.child, s.why, s.told = c, "", i
	s.concluded()
	return fresh
}

// lost notes that no child can be asked, and why.
func (s *state) lost(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child = nil
	if !s.detached {
		s.why = why
	}
	s.concluded()
}

// leaves notes that no child can be asked, for the reason that is known already.
func (s *state) leaves() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child = nil
	if s.why == "" {
		s.why = s.told.Problem
	}
	if s.why == "" {
		s.why = "the driver is being opened again"
	}
}

func (s *state) concluded() {
	select {
	case <-s.first:
	default:
		close(s.first)
	}
}

// ends notes that the process is gone.
func (s *state) ends() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.vacant)
}

// detach takes the driver away, and waits until no process has it any more.
func (s *state) detach(within time.Duration) error {
	s.mu.Lock()
	s.detached, s.child = true, nil
	s.lettings++
	s.why = "the driver was let go for an admin; mlq gpu attach takes it back"
	s.concluded()
	vacant := s.vacant
	s.mu.Unlock()
	s.want()
	select {
	case <-vacant:
		return nil
	case <-time.After(within):
		return errors.New("the GPU probe hangs inside the driver and cannot be ended yet; it ends as soon as the driver answers it")
	}
}

func (s *state) attach() {
	s.mu.Lock()
	if s.detached {
		s.detached, s.why = false, "the driver is being opened"
	}
	s.mu.Unlock()
	s.want()
}

func (s *state) isDetached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.detached
}

func (s *state) want() {
	select {
	case s.wanted <- struct{}{}:
	default: // a token is there already
	}
}
