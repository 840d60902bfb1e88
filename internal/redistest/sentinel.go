package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Replica starts a replica of a server, and returns when it has a copy of all.
func Replica(t testing.TB, master *Server) *Server {
	t.Helper()
	s := Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port), "--repl-diskless-sync-delay", "0")
	s.Await(t, "sync: Finished with success")
	return s
}

// Sentinel starts a sentinel that watches a server under a name, alone decides
// that it is down, and fails it over to its replica.
func Sentinel(t testing.TB, master *Server, name string) *Server {
	t.Helper()
	return started(t, func() (*Server, error) {
		return launch("+monitor master", func(port int, dir string) ([]string, error) {
			path := filepath.Join(dir, "sentinel.conf") // which the sentinel writes to
			return []string{path, "--sentinel"}, os.WriteFile(path, sentinelConf(port, master.Port, name), 0o600)
		})
	})
}

func sentinelConf(port, master int, name string) []byte {
	return fmt.Appendf(nil, `port %d
bind 127.0.0.1
sentinel monitor %[3]s 127.0.0.1 %[2]d 1
sentinel down-after-milliseconds %[3]s 500
sentinel failover-timeout %[3]s 2000
`, port, master, name)
}

// SentinelConf starts a sentinel with a configuration of its own, but for its port.
func SentinelConf(t testing.TB, text string) *Server {
	t.Helper()
	return conf(t, "+monitor master", func(int) string { return text }, "--sentinel")
}
