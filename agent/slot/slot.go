package slot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
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
	s.stable = newStable(&s.options, n)
	s.tree = &tree{self: os.Getpid(), reaped: n.reaped, ours: s.stable.owned, log: s.log}
	return s, nil
}

// recover finds what an earlier slot of this folder left: an attempt that had
// ended is kept for the agent; one that had not is lost, and its processes are killed.
func (s *slot) recover(ctx context.Context) error {
	r, ended, err := s.journal.load()
	if err != nil || r == nil {
		return err
	}
	s.kept = &State{Attempt: &r.Grant, Running: true, Log: s.spool.logPath(r.Grant.Ref()), Ended: ended}
	orphans := &orphans{record: *r, boot: s.boot, log: s.log}
	if err := orphans.clear(ctx); err != nil {
		return err
	}
	if ended == nil {
		s.kept.Ended = s.lost(r)
	}
	return nil
}

// lost is the end of an attempt whose slot died.
func (s *slot) lost(r *record) *Ended {
	ended := &Ended{
		Outcome: scheduler.OutcomeLost, ExitCode: -1, Started: true,
		Detail: "the slot process that ran it was killed", Log: s.spool.logPath(r.Grant.Ref()),
	}
	if r.Boot != s.boot {
		ended.Detail = "the host was restarted"
	}
	if info, err := os.Stat(ended.Log); err == nil {
		ended.LogSize = info.Size()
	}
	return ended
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

func (s *slot) accept(ctx context.Context, listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				s.log.Error().Err(err).Msg("accept")
			}
			return
		}
		if !peerIsOurs(conn) {
			conn.Close()
			continue
		}
		s.welcome(ctx, newSession(newLine(conn)))
	}
}

// welcome makes this the agent; one that was there before is dropped. State
// and events come from under one lock, so that nothing falls between them.
func (s *slot) welcome(ctx context.Context, agent *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agent != nil {
		s.agent.end()
	}
	s.agent = agent
	agent.say(struct {
		Op string `json:"op"`
		State
	}{opState, s.state()})
	go agent.write()
	go s.listenTo(ctx, agent)
}

// state must be called with mu held.
func (s *slot) state() State {
	state := State{}
	if s.kept != nil {
		state = *s.kept
	} else if s.attempt != nil {
		grant := withoutSecrets(s.attempt.grant)
		state = State{Attempt: &grant, Running: s.attempt.started.Load(), Log: s.spool.logPath(grant.Ref())}
	}
	state.Device, state.PID = s.options.Device, os.Getpid()
	return state
}

// listenTo carries out an agent's orders until it goes away.
func (s *slot) listenTo(ctx context.Context, agent *session) {
	defer agent.end()
	defer agent.line.drop()
	for {
		var o order
		if err := agent.line.receive(&o); err != nil {
			break
		}
		files, err := agent.line.take(o.Files)
		if err != nil {
			s.log.Error().Err(err).Str("op", o.Op).Msg("order")
			break
		}
		s.obey(ctx, o, files)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agent == agent {
		s.agent = nil
		s.note()
	}
}

func (s *slot) obey(ctx context.Context, o order, files []*os.File) {
	switch o.Op {
	case opGrant:
		s.grant(ctx, o.Grant, files)
	case opDone:
		s.done(o.ref())
		closeAll(files)
	case opQuit:
		s.mu.Lock()
		s.quit = true
		s.note()
		s.mu.Unlock()
		closeAll(files)
	default:
		s.pass(o, files)
	}
}

func (s *slot) grant(ctx context.Context, g *Grant, locks []*os.File) {
	if g == nil {
		closeAll(locks)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempt != nil || s.kept != nil {
		closeAll(locks)
		s.say(Event{Kind: EventError, Job: g.Job, Fence: g.Fence, Detail: "the slot has an attempt already"})
		return
	}
	s.attempt = newAttempt(s, g, locks)
	go s.attempt.run(ctx)
}

// pass gives an order to the attempt it is about; for any other it comes too late.
func (s *slot) pass(o order, files []*os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := given{order: o}
	if len(files) > 0 {
		g.file = files[0]
		closeAll(files[1:])
	}
	if a := s.attempt; a == nil || a.grant.Ref() != o.ref() || !a.give(g) {
		g.drop()
	}
}

// refused: the grant could not be carried out, and is forgotten.
func (s *slot) refused(a *attempt, err error) {
	s.forget(a.grant.Ref())
	s.mu.Lock()
	defer s.mu.Unlock()
	a.close()
	s.attempt = nil
	s.say(Event{Kind: EventError, Job: a.grant.Job, Fence: a.grant.Fence, Detail: err.Error()})
	s.note()
}

// finished keeps the end of an attempt until Done.
func (s *slot) finished(a *attempt, ended *Ended) {
	if err := s.journal.end(ended); err != nil {
		// The agent is told all the same; only a restart before Done would take it for lost.
		a.log.Error().Err(err).Msg("the end could not be written down")
	}
	grant := withoutSecrets(a.grant)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.close()
	s.attempt = nil
	s.kept = &State{Attempt: &grant, Running: ended.Started, Log: ended.Log, Ended: ended}
	s.say(Event{Kind: EventEnded, Job: grant.Job, Fence: grant.Fence, Ended: ended})
	s.note()
}

func (s *slot) done(ref scheduler.LeaseRef) {
	s.mu.Lock()
	mine := s.kept != nil && s.kept.Attempt.Ref() == ref
	s.mu.Unlock()
	if !mine {
		return
	}
	s.forget(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
	s.note()
}

// forget removes the files of an attempt; first those by which a restarted slot would know it.
func (s *slot) forget(ref scheduler.LeaseRef) {
	if err := errors.Join(s.journal.clear(), s.spool.remove(ref)); err != nil {
		s.log.Error().Err(err).Msg("files of an attempt stay")
	}
}

// emit tells the agent, if there is one.
func (s *slot) emit(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(e)
}

// say must be called with mu held.
func (s *slot) say(message any) {
	if s.agent != nil {
		s.agent.say(message)
	}
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
