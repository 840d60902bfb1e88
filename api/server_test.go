package api

import (
	"testing"
	"time"
)

// TestServerLimits: what net/http enforces is set, with the defaults of docs/reference.md.
func TestServerLimits(t *testing.T) {
	t.Parallel()
	s := (&Server{opts: Options{}.withDefaults()}).httpServer()
	if s.MaxHeaderBytes != 16<<10 || s.ReadHeaderTimeout != 5*time.Second || s.IdleTimeout != time.Minute || s.HTTP2.MaxConcurrentStreams != 100 {
		t.Errorf("the limits are %d bytes, %s, %s, %d streams", s.MaxHeaderBytes, s.ReadHeaderTimeout, s.IdleTimeout, s.HTTP2.MaxConcurrentStreams)
	}
}
