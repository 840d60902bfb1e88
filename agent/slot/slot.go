package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// slot is the process: one agent, at most one attempt.
type slot struct {
	options Options
	log     zerolog.Logger
	boot    string
	journal *journal
	spool   spool
	stable  *stable
	tree    *tree
	keeper  isolation.Keeper

	mu      sync.Mutex
	agent   *session // nil: none is connected
	attempt *attempt // nil: none runs
	kept    *State   // an attempt that has ended and waits for Done
	quit    bool     // end when idle
	changed chan struct{}
}

// Main is `mlq slot`: it serves until it is told to quit, is idle for too
// long, or ctx ends; then it first ends its attempt. It must have the process
// for itself: it reaps every child.
func Main(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	unix.Umask(0o077)
	for _, dir := range []string{o.Dir, o.Spool} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	lock, err := lockfile.Acquire(filepath.Join(o.Dir, lockFile))
	if err != nil {
		return fmt.Errorf("slot of %s: %w", o.Device, err)
	}
	defer lock.Close()
	s, err := newSlot(o)
	if err != nil {
		return err
	}
	defer s.journal.close()
	defer s.keeper.Close()
	defer s.stable.dismiss()
	if err := s.recover(ctx); err != nil {
		return fmt.Errorf("what an earlier slot left: %w", err)
	}
	return s.serve(ctx)
}

func newSlot(o Options) (*slot, error) {
	boot, err := boottime.ID()
	if err != nil {
		return nil, err
	}
	n, err := newNursery()
	if err != nil {
		return nil, err
	}
	j, err := openJournal(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &slot{
		options: o, boot: boot, journal: j, spool: spool{o.Spool}, changed: make(chan struct{}, 1),
		log: o.Log.With().Str("device", o.Device).Logger(),
	}
	s.stable = newStable(&s.options, n, &s.keeper)
	s.tree = &tree{self: os.Getpid(), reaped: n.reaped, ours: s.stable.owned, log: s.log}
	return s, nil
}

// serve accepts agents until the slot has to end.
func (s *slot) serve(ctx context.Context) error {
	listener, err := listen(s.options.Dir)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	if err := s.sayReady(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.accept(ctx, listener)
	go s.warmUp()
	idle := time.NewTimer(s.options.IdleExit)
	defer idle.Stop()
	told, ending := ctx.Done(), false
	for {
		select {
		case <-told:
			told, ending = nil, true
		case <-s.changed:
			idle.Reset(s.options.IdleExit)
		case <-idle.C:
			if s.idle() && s.alone() {
				return nil
			}
		}
		if s.idle() && (ending || s.quitting()) {
			return nil
		}
	}
}

// warmUp makes the usual interpreter ready before the first grant.
func (s *slot) warmUp() {
	g := &Grant{Python: s.options.Python}
	if m, err := s.stable.mode(g); err == nil && m.warm {
		s.stable.ready(g.Python, m)
	}
}

// sayReady tells who started us that we listen.
func (s *slot) sayReady() error {
	if s.options.ReadyFD == 0 {
		return nil
	}
	f := os.NewFile(uintptr(s.options.ReadyFD), "ready")
	_, err := f.Write([]byte{'\n'})
	return errors.Join(err, f.Close())
}

// note wakes serve. mu is held or not.
func (s *slot) note() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *slot) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempt == nil
}

func (s *slot) quitting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quit && s.kept == nil
}

func (s *slot) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agent == nil
}
