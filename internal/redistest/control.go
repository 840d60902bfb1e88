package redistest

import "testing"

// Kill ends the server at once, as a power cut would.
func (s *Server) Kill(t testing.TB) { s.do(t, "kill", "keeper: kill") }

// Restart starts it again, on the same port and with what its folder holds.
func (s *Server) Restart(t testing.TB) { s.do(t, "start", s.ready) }

// Pause stops the server in the middle of whatever it does (SIGSTOP).
func (s *Server) Pause(t testing.TB) { s.do(t, "pause", "keeper: pause") }

// Resume lets a paused server go on.
func (s *Server) Resume(t testing.TB) { s.do(t, "resume", "keeper: resume") }

// Await returns when the server's log has the words, from its start on.
func (s *Server) Await(t testing.TB, words string) {
	t.Helper()
	if err := s.keeper.await(0, words); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) do(t testing.TB, command, want string) {
	t.Helper()
	if err := s.keeper.tell(command, want); err != nil {
		t.Fatal(err)
	}
}
