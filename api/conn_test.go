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
