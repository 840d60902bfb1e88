package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// nextVersion is the build that the tests upgrade to; it has a schema more.
const nextVersion = "99.0.0-next"

// buildNext builds the same sources with another version and, by a build tag, more
// that is next: the schema, or the protocol of the slots.
func buildNext(t *testing.T, tag string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mlq")
	build := exec.Command("go", "build", "-tags", tag, "-ldflags", "-X main.version="+nextVersion, "-o", path, "../cmd/mlq")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// site is one server and one agent, each of a build of its own.
type site struct {
	t             *testing.T
	dir, address  string
	scale         string // MLQ_TIME_SCALE; "" is 10
	server, agent *daemon
}

func (s *site) daemon(build string, args ...string) (*daemon, error) {
	scale := s.scale
	if scale == "" {
		scale = "10"
	}
	d, err := startBuild(build, s.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "MLQ_TIME_SCALE=" + scale}, args...)
	if err == nil {
		s.t.Cleanup(func() {
			if d.running() {
				_ = d.stop()
			}
			if s.t.Failed() {
				s.t.Logf("%s %s:\n%s", build, args[0], d.log.String())
			}
		})
	}
	return d, err
}

func (s *site) serve(build, data string) {
	s.t.Helper()
	var err error
	if s.server, err = s.daemon(build, "serve", "--data", data, "--listen", s.address); err != nil {
		s.t.Fatal(err)
	}
	s.address = strings.TrimPrefix(s.server.url, "http://")
}

func (s *site) startAgent(build string) {
	s.t.Helper()
	var err error
	s.agent, err = s.daemon(build, "agent", "--data", "host", "--name", "gpu1", "--gpus", "cpu:2", "--python", python,
		"--server", "http://"+s.address, "--token-file", "agent.token")
	if err != nil {
		s.t.Fatal(err)
	}
}

// try runs a command of an admin.
func (s *site) try(build string, args ...string) (string, error) {
	cmd := exec.Command(build, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "MLQ_URL=http://" + s.address, "MLQ_TOKEN_FILE=server/admin.token"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

func (s *site) mlq(build string, args ...string) string {
	s.t.Helper()
	out, err := s.try(build, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func (s *site) job(build, id string) (j api.Job) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.mlq(build, "job", id, "-o", "json")), &j); err != nil {
		s.t.Fatal(err)
	}
	return j
}

func (s *site) await(build, want string, args ...string) {
	s.t.Helper()
	err := eventually(60*time.Second, func() error {
		out, err := s.try(build, args...)
		if err == nil && !strings.Contains(out, want) {
			err = fmt.Errorf("no %q in %s", want, out)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestUpgrade replaces the server, then the agent, by a later build with another
// schema while a job runs: it runs on, its log and its result are whole, and each
// build of the one works with each of the other. Then all the way back.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	old, next := binary, buildNext(t, "mlq_next_schema")
	// The job has to outlive the start of an agent on a busy machine.
	s := &site{t: t, dir: t.TempDir(), address: "127.0.0.1:0", scale: "5"}
	s.serve(old, "server")
	token := s.mlq(old, "token", "create", "--user", "gpu1", "--role", "agent")
	if err := os.WriteFile(filepath.Join(s.dir, "agent.token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startAgent(old)
	s.await(old, "ok", "hosts")
	gate := filepath.Join(s.dir, "go")
	id := s.mlq(old, "run", "-d", "--", "sh", "-c", "echo begun; while [ ! -e "+gate+" ]; do sleep 0.05; done; echo done")
	s.await(old, "begun", "logs", id)
	s.mlq(old, "backup", "before", "--data", "server")

	// The server first: the agent of before works with it, for old jobs and new.
	if err := s.server.stop(); err != nil {
		t.Fatal(err)
	}
	s.serve(next, "server")
	if out := s.mlq(next, "run", "--", "echo", "by the old agent"); !strings.Contains(out, "by the old agent") {
		t.Errorf("the old agent's job printed %q", out)
	}
	if out, err := s.try(old, "jobs"); err != nil || !strings.Contains(out, "running") {
		t.Errorf("an old command says %q, %v", out, err)
	}
	// Then the agent, which adopts what runs in a slot of before.
	if err := s.agent.stop(); err != nil {
		t.Fatal(err)
	}
	s.startAgent(next)
	s.await(next, nextVersion, "hosts", "-o", "json")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.mlq(next, "result", "--wait", id)
	if j := s.job(next, id); len(j.Attempts) != 1 || j.State != "succeeded" {
		t.Errorf("the job is %s after %d attempts", j.State, len(j.Attempts))
	}
	if log := s.mlq(next, "logs", id); log != "begun\ndone" {
		t.Errorf("its log is %q", log)
	}
	s.mlq(next, "backup", "after", "--data", "server")
	s.refuseOlder(old)
	s.downgrade(old)
}

// refuseOlder: the old build leaves the store and its backup alone.
func (s *site) refuseOlder(old string) {
	s.t.Helper()
	if err := s.server.stop(); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.daemon(old, "serve", "--data", "server", "--listen", s.address)
	_, restored := s.try(old, "restore", "after", "--data", "elsewhere")
	for what, err := range map[string]error{"serve": err, "restore": restored} {
		if err == nil || !strings.Contains(err.Error(), "schema 2, made by mlq "+nextVersion) || !strings.Contains(err.Error(), "exit status 78") {
			s.t.Errorf("an old %s of what is newer: %v", what, err)
		}
	}
}

// downgrade goes back to the backup of before; the agent of the later build works
// with the old server.
func (s *site) downgrade(old string) {
	s.t.Helper()
	if err := os.Rename(filepath.Join(s.dir, "server"), filepath.Join(s.dir, "newer")); err != nil {
		s.t.Fatal(err)
	}
	s.mlq(old, "restore", "before", "--data", "server")
	s.serve(old, "server")
	s.await(old, "ok", "hosts")
	if out := s.mlq(old, "run", "--", "echo", "by the newer agent"); !strings.Contains(out, "by the newer agent") {
		s.t.Errorf("the newer agent's job printed %q", out)
	}
}
