package redistest

import (
	"net"
	"testing"
)

func TestServerServesAndComesBack(t *testing.T) {
	s := Start(t)
	dial(t, s)
	s.Kill(t)
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Fatal("a killed server still listens")
	}
	s.Restart(t)
	dial(t, s)
}

func dial(t *testing.T, s *Server) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
