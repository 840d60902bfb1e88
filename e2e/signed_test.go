package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
)

// attack prepares a job, while the host takes none, that would leave the file evil
// if it ran; it returns its id and what the refusal must say.
type attack func(a *attacker) (id, why string)

var attacks = map[string]attack{
	"a job of their own": func(a *attacker) (string, string) {
		return a.submitOwn(nil), "it is not signed"
	},
	"a job by a key of their own, which the store now names": func(a *attacker) (string, string) {
		ring := signing.NewRing("mlq", signing.NewKey([32]byte{1}))
		a.write("auth:signing", func([]byte) []byte { return fmt.Appendf(nil, `{"key":%q}`, ring.First().ID()) })
		return a.submitOwn(ring), "by a key that is not valid"
	},
	"another body in a job that waits": func(a *attacker) (string, string) {
		id := a.touchGood()
		a.write("spec:job:"+id, replaced(filepath.Join(a.dir, "good"), filepath.Join(a.dir, "evil")))
		return id, "is of something else"
	},
	"another user": func(a *attacker) (string, string) {
		id := a.submit("touch " + filepath.Join(a.dir, "evil"))
		a.write("spec:job:"+id, replaced("admin", "victim"))
		a.write("live:job:"+id, replaced(`"u":"admin"`, `"u":"victim"`))
		return id, "is of something else"
	},
	"another user in the record only": func(a *attacker) (string, string) {
		id := a.submit("touch " + filepath.Join(a.dir, "evil"))
		a.write("live:job:"+id, replaced(`"u":"admin"`, `"u":"victim"`))
		return id, `the record says user "victim"`
	},
	"another unix account": func(a *attacker) (string, string) {
		id := a.submit("touch " + filepath.Join(a.dir, "evil"))
		a.write("spec:job:"+id, replaced("admin\t", "admin\troot"))
		a.write("live:job:"+id, replaced(`"u":"admin"`, `"u":"admin","x":"root"`))
		return id, "is of something else"
	},
	"the spec of another job": func(a *attacker) (string, string) {
		theirs, id := a.submit("touch "+filepath.Join(a.dir, "evil")), a.touchGood()
		spec := a.read("spec:job:" + theirs)
		a.mlq("cancel", theirs)
		a.write("spec:job:"+id, func([]byte) []byte { return spec })
		return id, "is of something else"
	},
	"a job that has ended, under another id": func(a *attacker) (string, string) {
		ended := a.submit("touch " + filepath.Join(a.dir, "evil"))
		a.mlq("drain", "gpu1", "--undo")
		a.mlq("result", "--wait", ended)
		a.mlq("drain", "gpu1", "--reason", "to look at jobs that wait")
		if err := os.Remove(filepath.Join(a.dir, "evil")); err != nil {
			a.t.Fatal(err)
		}
		id, spec := a.submitOwn(nil), a.read("spec:job:"+ended)
		a.write("spec:job:"+id, func([]byte) []byte { return spec })
		return id, "is of something else"
	},
	"another variable": func(a *attacker) (string, string) {
		id := a.submit("eval $DO", "--env", "DO=true")
		a.write("spec:job:"+id, replaced("true", "touch evil"))
		return id, "is of something else"
	},
	"the hash of another payload": func(a *attacker) (string, string) {
		id, other := a.large("good"), a.large("evil")
		theirs := blobOf(a.t, a.read("spec:job:"+other))
		a.mlq("cancel", other)
		a.write("spec:job:"+id, replaced(blobOf(a.t, a.read("spec:job:"+id)), theirs))
		return id, "is of something else"
	},
	"a longer time limit": func(a *attacker) (string, string) {
		id := a.submit("touch "+filepath.Join(a.dir, "evil"), "--timeout", "10s")
		a.write("live:job:"+id, replaced(`"lt":10000000`, `"lt":99000000`))
		return id, "is of something else"
	},
}

// TestSignedJobs: whoever can write anything to Redis has nothing run by an agent, neither
// by one that is on Redis nor by one that asks the server.
func TestSignedJobs(t *testing.T) {
	t.Parallel()
	for name, onRedis := range map[string]bool{"agent on Redis": true, "agent over HTTP": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAttacker(t, onRedis)
			for what, attack := range attacks {
				t.Run(what, func(t *testing.T) { a.refused(t, attack) })
			}
			a.mlq("result", "--wait", a.touchGood()) // what a server took runs as before
			a.counted(t, len(attacks))
			if log := a.agent.log.String(); !strings.Contains(log, "refused a job that no server has signed") {
				t.Errorf("no line that is worth an alert in the agent's log:\n%s", log)
			}
		})
	}
}

// counted: the metric that an alert looks at has as many jobs, once the agent has reported.
func (a *attacker) counted(t *testing.T, least int) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^mlq_unsigned_jobs_refused_total\{host="gpu1"\} (\d+)$`)
	err := eventually(startPatience, func() error {
		found := line.FindStringSubmatch(text(t, a.get(t, a.servers[0].url, "/metrics")))
		if found == nil {
			return errors.New("there is no such metric")
		}
		if n, err := strconv.Atoi(found[1]); err != nil || n < least {
			return fmt.Errorf("%d jobs were refused, and %s are counted", least, found[1])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (a *attacker) refused(t *testing.T, attack attack) {
	l := *a.lab
	l.t = t
	a = &attacker{&l, a.st}
	a.mlq("drain", "gpu1", "--reason", "to look at jobs that wait")
	id, why := attack(a)
	a.mlq("drain", "gpu1", "--undo")
	a.eventually("released", "job", id)
	job := a.job(id)
	if cause := job.Attempts[0].Cause; !strings.Contains(cause, "no server of this store has signed it") || !strings.Contains(cause, why) {
		t.Errorf("released because of %q, want that no server has signed it: %s", cause, why)
	}
	if !job.Attempts[0].Started.IsZero() {
		t.Error("it was started")
	}
	a.mlq("cancel", id)
	if _, err := os.Stat(filepath.Join(a.dir, "evil")); err == nil {
		t.Error("the attacker's command ran")
		os.Remove(filepath.Join(a.dir, "evil"))
	}
}

// TestSignedRecords: nor does the server act for users whose records they wrote.
func TestSignedRecords(t *testing.T) {
	t.Parallel()
	a := newAttacker(t, false)
	t.Run("a token of their own", func(t *testing.T) {
		text, id := token.New("admin")
		hash := token.Hash(text)
		a.write("auth:token:"+id, func([]byte) []byte {
			return mustJSON(t, map[string]any{"id": id, "user": "admin", "role": "admin", "sha256": hash[:], "created": "2026-01-01T00:00:00Z"})
		})
		a.asked(t, text, http.StatusUnauthorized)
	})
	t.Run("a token with more rights, and an account", func(t *testing.T) {
		text := strings.TrimSpace(a.mlq("token", "create", "--user", "mallory", "--role", "user"))
		id, _ := token.Parse(text)
		genuine := a.read("auth:token:" + id)
		a.write("auth:token:"+id, replaced(`"role":"user"`, `"role":"admin"`))
		a.asked(t, text, http.StatusUnauthorized)
		a.write("auth:token:"+id, func([]byte) []byte { return genuine })
		user := a.read("auth:user:mallory")
		a.write("auth:user:mallory", replaced(`"name":"mallory"`, `"name":"mallory","unix":"root"`))
		a.asked(t, text, http.StatusUnauthorized)
		a.write("auth:user:mallory", func([]byte) []byte { return user })
		a.asked(t, text, http.StatusOK)
	})
	t.Run("the token of a running job", func(t *testing.T) {
		id := a.submit("echo $MLQ_TOKEN; sleep 60")
		genuine := strings.TrimSpace(a.eventually("^mlq_attempt_", "logs", id))
		a.asked(t, genuine, http.StatusOK)
		secret := token.NewSecret()
		hash := token.Hash(secret)
		a.write("live:job:"+id, func(old []byte) []byte {
			var job map[string]json.RawMessage
			var attempts []map[string]json.RawMessage
			if err := errors.Join(json.Unmarshal(old, &job), json.Unmarshal(job["a"], &attempts)); err != nil {
				t.Fatal(err)
			}
			attempts[0]["k"] = mustJSON(t, hash[:])
			job["a"] = mustJSON(t, attempts)
			return mustJSON(t, job)
		})
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		a.asked(t, token.Attempt(number, 1, secret), http.StatusUnauthorized)
		a.mlq("cancel", id)
	})
	if log := a.servers[0].log.String(); !strings.Contains(log, "was not written by a server") {
		t.Errorf("no line that is worth an alert in the server's log:\n%s", log)
	}
	t.Run("another key, which the store names", a.anotherKey)
}

// anotherKey: servers believe their file, and not what the store says of their key.
func (a *attacker) anotherKey(t *testing.T) {
	genuine := a.read("auth:signing")
	a.write("auth:signing", func([]byte) []byte {
		return fmt.Appendf(nil, `{"key":%q}`, signing.NewKey([32]byte{1}).ID())
	})
	if err := a.servers[0].stop(); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"serve", "--data", filepath.Join(a.dir, "server0"), "--blobs", filepath.Join(a.dir, "blobs"), "--listen", "127.0.0.1:0",
		"--signing-key-file", filepath.Join(a.dir, "signing.key"), "--store", a.redis,
	}
	if d, err := startDaemon(a.dir, a.env(), args...); err == nil || !strings.Contains(err.Error(), "sign with another key") {
		t.Errorf("it starts: %v", err)
		if d != nil {
			d.kill()
		}
	}
	a.write("auth:signing", func([]byte) []byte { return genuine })
	d, err := startDaemon(a.dir, a.env(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// asked asks who has a token.
func (a *attacker) asked(t *testing.T, text string, want int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.servers[0].url+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+text)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != want {
		t.Errorf("the server answers %s, want %d", response.Status, want)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
