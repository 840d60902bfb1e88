package redistest

import (
	"testing"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// Proxy is a link to a server, whose faults a test chooses.
type Proxy struct{ *faultproxy.Link }

// NewProxy starts a proxy to a server's address, and ends it with the test.
func NewProxy(t testing.TB, target string) Proxy {
	t.Helper()
	link, err := faultproxy.Listen(target, faultproxy.Redis, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return Proxy{link}
}

// URL is the store URL of a namespace behind the proxy.
func (p Proxy) URL(namespace string) string { return storeURL(p.Addr(), namespace) }
