package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// holder is a job that proves that it has the secret, without telling it, and waits.
const holder = `
import hashlib, os, time

def hold(gate):
    parent = open(f"/proc/{os.getppid()}/cmdline", "rb").read().split(b"\0")
    print("control-in-the-log")
    print("pid", os.getpid(), "of", os.getppid(), "slot" if b"slot" in parent else "warm")
    print(hashlib.sha256(os.environ["TOKEN"].encode()).hexdigest(), flush=True)
    while not os.path.exists(gate):
        time.sleep(0.02)
`

// secretLab is a lab in which ana has a secret, and jobs that hold it.
type secretLab struct {
	*lab
	ana    string // token
	marker string // the secret's value
	slot   int    // pid of the slot of the last forked job
}

// TestSecretIsNowhere: the value of a secret is in the memory of the processes that need it, and
// in no file, store, log, answer, command line or foreign environment: while jobs run with it,
// after their end, and after their slot has crashed.
func TestSecretIsNowhere(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, *lab){
		"an agent on Redis": func(t *testing.T, l *lab) {
			folder := filepath.Join(l.dir, "redis")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			l.redis = redistest.Start(t, "--dir", folder, "--rdbcompression", "no", "--save", "1", "1").URL(redistest.Namespace(t))
			l.servers = append(l.servers, l.start("serve", "--data", filepath.Join(l.dir, "server")))
			l.admin = strings.TrimSpace(l.read("server/admin.token"))
			l.startAgent()
		},
		"an agent over HTTP": func(t *testing.T, l *lab) {
			l.redis = "local:" + filepath.Join(l.dir, "store")
			l.servers = append(l.servers, l.start("serve", "--data", filepath.Join(l.dir, "server")))
			l.admin = strings.TrimSpace(l.read("server/admin.token"))
			token := filepath.Join(l.dir, "agent.token")
			if err := os.WriteFile(token, []byte(l.mlq("token", "create", "--user", "gpu1", "--role", "agent")), 0o600); err != nil {
				t.Fatal(err)
			}
			var err error
			l.agent, err = startDaemon(l.dir, l.env(), "agent", "--data", filepath.Join(l.dir, "agent"), "--server", l.servers[0].url,
				"--token-file", token, "--name", "gpu1", "--gpus", l.gpus, "--python", python)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if l.agent.running() {
					t.Error("the agent was not ended: ", l.agent.stop())
				}
			})
			l.eventually(`gpu1 +ok`, "hosts")
		},
		"one box": func(_ *testing.T, l *lab) {
			l.redis = "local:" + filepath.Join(l.dir, "store")
			l.servers = append(l.servers, l.start("serve", "--data", filepath.Join(l.dir, "server"),
				"--with-agent", "--name", "gpu1", "--gpus", l.gpus, "--python", python))
			l.admin = strings.TrimSpace(l.read("server/admin.token"))
			l.eventually(`gpu1 +ok`, "hosts")
		},
	} {
		t.Run(name, func(t *testing.T) {
			// With something preloaded, a job that sets OMP_* gets a spare interpreter.
			l := &lab{t: t, dir: labDir(t), gpus: "cpu:3", more: []string{"MLQ_PRELOAD=json", "MLQ_LOG_LEVEL=debug"}}
			start(t, l)
			s := &secretLab{lab: l, ana: strings.TrimSpace(l.mlq("token", "create", "--user", "ana")), marker: rand.Text()}
			s.walk()
		})
	}
}

func (s *secretLab) walk() {
	s.write("job.py", holder)
	s.as(s.marker+"\n", "secret", "set", "TOKEN")
	gate := filepath.Join(s.dir, "gate")
	forked := s.as("", "submit", "job.py:hold", gate, "--secret", "TOKEN", "--retries", "1")
	spare := s.as("", "submit", "job.py:hold", gate, "--secret", "TOKEN", "--env", "OMP_NUM_THREADS=1")
	ran := s.as("", "run", "-d", "--secret", "T=TOKEN", "--", "sh", "-c",
		`echo control-in-the-log; echo pid $$ of $PPID any; printf %s "$T" | sha256sum; while ! test -e `+gate+`; do sleep 0.02; done`)
	var own []int
	for _, job := range []struct{ id, parent string }{{forked, "warm"}, {spare, "slot"}, {ran, "any"}} {
		own = append(own, s.holds(job.id, job.parent))
	}
	s.processes(own)
	s.memory(own[0])
	s.files("while the jobs run")
	s.answers(forked, spare, ran)
	s.write("gate", "")
	for _, id := range []string{forked, spare, ran} {
		s.eventually(`^state +succeeded`, "job", id)
	}
	s.files("after their end")
	s.crash()
	for _, d := range append([]*daemon{s.agent}, s.servers...) {
		if d == nil {
			continue
		}
		if err := d.stop(); err != nil {
			s.t.Error(err)
		}
		s.not("a daemon's log", d.log.String())
		s.not("a daemon's output", d.out.String())
	}
	s.files("at the end")
}

// as runs mlq as ana and gives its output without the line break at its end.
func (s *secretLab) as(stdin string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(stdin)
	cmd.Env = append(s.env(), "MLQ_URL="+s.servers[0].url, "MLQ_TOKEN="+s.ana)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("mlq %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	s.not("the output of mlq "+args[0], string(out))
	return strings.TrimSpace(string(out))
}

func (s *secretLab) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

var told = regexp.MustCompile(`pid (\d+) of (\d+) (\w+)`)

// holds waits until the job has shown that it has the secret, and gives its pid.
func (s *secretLab) holds(id, parent string) int {
	s.t.Helper()
	sum := sha256.Sum256([]byte(s.marker))
	log := s.eventually(hex.EncodeToString(sum[:]), "logs", id)
	found := told.FindStringSubmatch(log)
	if found == nil || found[3] != parent {
		s.t.Fatalf("job %s, whose parent is to be %s, printed\n%s", id, parent, log)
	}
	pid, err := strconv.Atoi(found[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// crash has the slot of a running job tell all that its runtime tells when it dies.
func (s *secretLab) crash() {
	s.t.Helper()
	if s.slot == 0 {
		return
	}
	id := s.as("", "submit", "job.py:hold", filepath.Join(s.dir, "never"), "--secret", "TOKEN")
	pid := s.holds(id, "warm")
	slot := parentOf(parentOf(pid))
	if err := syscall.Kill(slot, syscall.SIGQUIT); err != nil {
		s.t.Fatal(err)
	}
	err := eventually(30*time.Second, func() error {
		logs, err := filepath.Glob(filepath.Join(s.dir, "*", "agent", "slots", "*", "slot.log"))
		if err != nil {
			return err
		}
		for _, path := range logs {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("SIGQUIT")) {
				return nil
			}
		}
		return fmt.Errorf("no goroutines in %v", logs)
	})
	if err != nil {
		s.t.Error(err)
	}
	s.files("after a crash")
	s.as("", "cancel", id)
	s.eventually(`^state +(cancelled|failed)`, "job", id)
}
