package redistest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Kill ends the server at once, as a power cut would.
func (s *Server) Kill(t testing.TB) { s.do(t, "kill", "keeper: kill") }

// Restart starts it again, on the same port and with what its folder holds.
func (s *Server) Restart(t testing.TB) { s.do(t, "start", s.ready) }

// RestartLoading starts it again, and returns when it has begun to load what its
// folder holds: until that is done it answers LOADING. How long that takes is for
// the test to choose (--key-load-delay).
func (s *Server) RestartLoading(t testing.TB) { s.do(t, "start", "Reading RDB base file") }

// Say sends one command, as typed into a terminal, and gives the first line of
// the answer, as +OK, :1 or "-BUSY …".
func (s *Server) Say(t testing.TB, line string) string {
	t.Helper()
	answer, err := say(s.Addr(), line)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func say(addr, line string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer), err
}

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

// RestartInVain starts it again, and returns when it says that it does not.
func (s *Server) RestartInVain(t testing.TB, words string) { s.do(t, "start", words) }
