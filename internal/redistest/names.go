package redistest

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// Addr is the server's host:port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// URL is the store URL of a namespace on the server.
func (s *Server) URL(namespace string) string { return storeURL(s.Addr(), namespace) }

func storeURL(addr, namespace string) string {
	return fmt.Sprintf("redis://%s/0?namespace=%s", addr, namespace)
}

var (
	unfit         = regexp.MustCompile(`[^a-z0-9]+`)
	nextNamespace atomic.Int64
)

// Namespace makes a namespace out of the test's name that no other test of this
// binary has.
func Namespace(t testing.TB) string {
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	return fmt.Sprintf("t-%.40s-%d", name, nextNamespace.Add(1))
}
