package api

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// TestDeadlineOfOthers: TLS allows its goodbye 5 s, and net/http a handshake as
// long as a header. A patient connection takes no longer than they said.
func TestDeadlineOfOthers(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe() // far reads nothing
	defer far.Close()
	c := &conn{Conn: near, release: func() {}, patience: &patience{grace: time.Minute, perSecond: 1, left: time.Minute, slow: func() {}}}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("goodbye"))
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection waited longer than it was told to")
	}
}

// crossed is a connection on which others set a deadline while the first one is being set.
type crossed struct {
	net.Conn
	during func()
	at     time.Time
}

// SetWriteDeadline is met by another one before it takes effect.
func (c *crossed) SetWriteDeadline(at time.Time) error {
	if during := c.during; during != nil {
		c.during = nil
		during()
	}
	c.at = at
	return nil
}

// TestDeadlineOfOthersStays: one that cuts the connection off is not undone by a write that begins
// just then.
func TestDeadlineOfOthersStays(t *testing.T) {
	t.Parallel()
	under := &crossed{}
	c := &conn{Conn: under}
	past := time.Unix(1, 0)
	under.during = func() { _ = c.SetWriteDeadline(past) }
	if err := c.until(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !under.at.Equal(past) {
		t.Errorf("the write may go on until %v", under.at)
	}
}
