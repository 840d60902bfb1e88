package slot

import (
	"context"
	"errors"
	"net"
	"os"
)

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
	state.Protocol, state.Version, state.Runner = Protocol, s.options.Version, s.options.Runner
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
	g := given{o, files}
	if a := s.attempt; a == nil || a.grant.Ref() != o.ref() || !a.give(g) {
		g.drop()
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
