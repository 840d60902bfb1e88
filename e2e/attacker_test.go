package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// attacker can write anything to the lab's Redis, and knows how MLQ writes it.
type attacker struct {
	*lab
	st store.Store
}

// newAttacker gives a lab whose agent asks the server over HTTP, or is on Redis itself.
func newAttacker(t *testing.T, onRedis bool) *attacker {
	l := newLab(t, 1)
	if !onRedis {
		if err := l.agent.stop(); err != nil {
			t.Fatal(err)
		}
		d, err := startDaemon(l.dir, l.env(), "agent", "--data", filepath.Join(l.dir, "agent"), "--server", l.servers[0].url,
			"--token-file", filepath.Join(l.dir, "agent.token"), "--name", "gpu1", "--gpus", l.gpus, "--python", python)
		if err != nil {
			t.Fatal(err)
		}
		l.agent = d
		t.Cleanup(func() {
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		})
		l.eventually(`gpu1 +ok`, "hosts")
	}
	st, err := redisstore.Open(t.Context(), l.redis)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return &attacker{l, st}
}

// write changes a record; change gets nil where there is none.
func (a *attacker) write(key string, change func(old []byte) []byte) {
	a.t.Helper()
	answer, err := a.st.Read(a.t.Context(), store.Query{Keys: []string{key}})
	if err != nil {
		a.t.Fatal(err)
	}
	old := answer.Records[0].Value
	now := change(bytes.Clone(old))
	if bytes.Equal(old, now) {
		a.t.Fatalf("the attacker finds nothing to change in %s: %s", key, old)
	}
	result, err := a.st.Commit(a.t.Context(), store.Commit{Identity: answer.Identity, Effects: []store.Effect{store.Put(key, now)}})
	if err != nil || !result.OK() {
		a.t.Fatal("the attacker's write failed: ", err, result)
	}
}

func (a *attacker) read(key string) []byte {
	answer, err := a.st.Read(a.t.Context(), store.Query{Keys: []string{key}})
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.Records[0].Value
}

func replaced(from, to string) func([]byte) []byte {
	return func(old []byte) []byte { return bytes.Replace(old, []byte(from), []byte(to), 1) }
}

// submission of a command that leaves the file evil.
func (a *attacker) evil() (file string, s scheduler.Submission) {
	none := 0
	file = filepath.Join(a.dir, "evil")
	body := fmt.Sprintf(`{"command": ["touch", %q], "gpus": 0}`, file)
	return file, scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(body), Function: "touch", Request: scheduler.Request{GPUs: &none}}
}

// submitOwn queues a job as a server would, with the keys that the attacker has.
func (a *attacker) submitOwn(ring *signing.Ring) string {
	a.t.Helper()
	s, err := scheduler.New(a.st, scheduler.Options{Ring: ring})
	if err != nil {
		a.t.Fatal(err)
	}
	_, sub := a.evil()
	done, err := s.Submit(a.t.Context(), scheduler.Who{User: "admin", Unix: "root"}, []scheduler.Submission{sub}, "")
	if err != nil {
		a.t.Fatal(err)
	}
	return fmt.Sprint(done.IDs[0])
}

// touchGood queues a real job of the admin that leaves the file good.
func (a *attacker) touchGood() string { return a.submit("touch " + filepath.Join(a.dir, "good")) }

// digest is a SHA-256 as specs have it.
var digest = regexp.MustCompile(`[0-9a-f]{64}`)

func blobOf(t *testing.T, spec []byte) string {
	t.Helper()
	found := digest.Find(spec)
	if found == nil {
		t.Fatalf("the payload is in the store: %.200s", spec)
	}
	return string(found)
}

// large queues a job that touches a file and whose source is too large for the store.
func (a *attacker) large(file string) string {
	a.t.Helper()
	source := fmt.Sprintf("def f(msg):\n    open(%q, 'w')\n# %s\n", filepath.Join(a.dir, file), strings.Repeat("large ", 60_000))
	if err := os.WriteFile(filepath.Join(a.dir, "large.py"), []byte(source), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return strings.TrimSpace(a.mlq("submit", "--gpus", "0", "large.py:f", "{}"))
}
