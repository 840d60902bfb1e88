package slot

import "context"

// session is the connection of one agent. Nothing that the slot does waits for
// it: what an agent does not read fast enough is not kept for it, but its
// connection ends, and the state that it gets with the next one tells all.
type session struct {
	line   *line
	out    chan any
	ctx    context.Context
	cancel context.CancelFunc
}

const sessionRoom = 256 // messages

func newSession(l *line) *session {
	s := &session{line: l, out: make(chan any, sessionRoom)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// say queues a message.
func (s *session) say(message any) {
	select {
	case s.out <- message:
	default:
		s.end()
	}
}

// write sends what is queued until the session ends.
func (s *session) write() {
	for {
		select {
		case m := <-s.out:
			if err := s.line.send(m); err != nil {
				s.end()
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *session) end() {
	s.cancel()
	s.line.close()
}
