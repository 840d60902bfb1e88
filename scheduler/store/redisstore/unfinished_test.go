package redisstore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnfinishedFiles: neither Redis nor Sentinel starts with the files of deploy/redis while
// one password is still to be put in: nobody must run on one that everybody can read there.
func TestUnfinishedFiles(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"admin", "mlq", "mlq-agent", "mlq-replica", "mlq-sentinel"} {
		users := written(t, ours(t, "mlq-users.acl", placeholder(user), placeholder(user)))
		refusesToStart(t, "The password hash must be exactly 64 characters", ours(t, "mlq.conf"), "--aclfile", users)
	}
	copier := ours(t, "mlq-replicated.conf", "PASSWORD OF mlq-replica", "PASSWORD OF mlq-replica")
	refusesToStart(t, "FATAL CONFIG FILE ERROR", copier)
	for _, left := range []string{"requirepass PASSWORD OF THE SENTINELS", "sentinel-pass PASSWORD OF THE SENTINELS", "auth-pass mlq PASSWORD OF mlq-sentinel"} {
		conf := ours(t, "sentinel.conf", left, left, "ADDRESS\n", "\n", "MASTER 6379", "127.0.0.1 1")
		if !strings.Contains(conf, left) {
			t.Errorf("sentinel.conf has no %q", left)
		}
		refusesToStart(t, "FATAL CONFIG FILE ERROR", conf, "--sentinel")
	}
}

func written(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func refusesToStart(t *testing.T, word, conf string, args ...string) {
	t.Helper()
	path := written(t, conf)
	cmd := exec.CommandContext(soon(t), "redis-server", append([]string{path, "--port", "0", "--unixsocket", "s"}, args...)...)
	cmd.Dir = filepath.Dir(path)
	out, _ := cmd.CombinedOutput() // one that starts is killed, and has another code
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), word) {
		t.Errorf("%q: %s\n%s", args, cmd.ProcessState, out)
	}
}
