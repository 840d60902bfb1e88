package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestStores: the server runs on every kind of store that --store takes, says
// what an acknowledgement is worth there, and carries a job there and back.
func TestStores(t *testing.T) {
	t.Parallel()
	secured, cert := redistest.TLS(t)
	socket := filepath.Join(t.TempDir(), "redis.sock")
	redistest.Start(t, "--unixsocket", socket)
	locked := redistest.Start(t, "--requirepass", "s%cret")
	master := redistest.Start(t)
	sentinel := redistest.Sentinel(t, master, "lab")
	for name, c := range map[string]struct{ url, worth string }{
		"redis":    {fmt.Sprintf("redis://default:s%%25cret@%s/1?namespace=lab", locked.Addr()), "database 1, namespace lab"},
		"rediss":   {fmt.Sprintf("rediss://%s/0?namespace=lab", secured.Addr()), "namespace lab"},
		"unix":     {"unix://" + socket + "?db=2&namespace=lab", "database 2, namespace lab"},
		"sentinel": {fmt.Sprintf("redis+sentinel://%s/lab/0?namespace=lab", sentinel.Addr()), "namespace lab"},
		"local":    {"local:" + filepath.Join(t.TempDir(), "store"), "on disk (fsync)"},
		"memory":   {"memory:", "memory"},
	} {
		t.Run(name, func(t *testing.T) { carriesAJob(t, c.url, c.worth, cert) })
	}
}

func carriesAJob(t *testing.T, store, worth, cert string) {
	l := &lab{t: t, dir: labDir(t), redis: store, more: []string{"SSL_CERT_FILE=" + cert}}
	d := l.start("serve", "--with-agent", "--gpus", "cpu:1", "--python", python, "--data", filepath.Join(l.dir, "server0"))
	l.servers, l.admin = []*daemon{d}, strings.TrimSpace(l.read("server0/admin.token"))
	err := eventually(startPatience, func() error {
		if said := d.out.String(); !strings.Contains(said, worth) || strings.Contains(said, "cret@") {
			return fmt.Errorf("it says\n%swant %q, and no password", said, worth)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	l.eventually(`ok +1/1`, "hosts")
	if out := l.mlq("run", "--", "echo", "there and back"); out != "there and back\n" {
		t.Errorf("the job printed %q", out)
	}
	if _, err := os.Stat(filepath.Join(l.dir, "server0", "highest_job_id")); err != nil {
		t.Error(err)
	}
}
