package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
			l := &lab{t: t, dir: t.TempDir(), gpus: "cpu:3", more: []string{"MLQ_PRELOAD=json", "MLQ_LOG_LEVEL=debug"}}
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

// forms are the shapes in which the value would be recognised.
func (s *secretLab) forms() map[string][]byte {
	forms := map[string][]byte{"plain": []byte(s.marker), "hex": []byte(hex.EncodeToString([]byte(s.marker)))}
	for shift := range 3 { // wherever it stands in what was encoded
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + s.marker))
		forms[fmt.Sprint("base64 ", shift)] = []byte(text[4 : len(text)-4])
	}
	return forms
}

func (s *secretLab) not(where, text string) {
	s.t.Helper()
	for form, bytesOf := range s.forms() {
		if bytes.Contains([]byte(text), bytesOf) {
			s.t.Errorf("%s has the secret (%s)", where, form)
		}
	}
}

// files looks into every file of server, agent, store and Redis.
func (s *secretLab) files(when string) {
	s.t.Helper()
	controls := map[string]bool{"control-in-the-log": false, "auth:secret:TOKEN:ana": false}
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		s.not(when+": "+path, string(text))
		for control := range controls {
			if filepath.Base(path) != "job.py" && bytes.Contains(text, []byte(control)) {
				controls[control] = true
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for control, found := range controls {
		if !found {
			s.t.Errorf("%s: %s is in no file: this search would find nothing", when, control)
		}
	}
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// processes looks at the command lines and environments of all that runs here.
func (s *secretLab) processes(own []int) {
	s.t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		line, _ := os.ReadFile(path + "/cmdline") // it may have ended
		s.not(path+"/cmdline", string(line))
		env, _ := os.ReadFile(path + "/environ") // likewise, or be somebody else's
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			s.t.Fatal(err)
		}
		if s.below(pid, own) {
			found += bytes.Count(env, []byte(s.marker))
			continue
		}
		s.not(path+"/environ of "+string(line), string(env))
	}
	if found == 0 {
		s.t.Error("no job has it in its environment: this search would find nothing")
	}
}

// below reports whether a process is one of these or was started by one.
func (s *secretLab) below(pid int, own []int) bool {
	for pid > 1 {
		if slices.Contains(own, pid) {
			return true
		}
		pid = parentOf(pid)
	}
	return false
}

// parentOf is 0 for a process that has ended.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	parent, err := strconv.Atoi(strings.Fields(rest)[1])
	if err != nil {
		return 0
	}
	return parent
}

// memory: the warm parent of a forked job has never had the value.
func (s *secretLab) memory(forked int) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		s.t.Log("only root can look into the memory of other processes")
		return
	}
	warm := parentOf(forked)
	s.slot = parentOf(warm)
	for pid, want := range map[int]bool{forked: true, warm: false} {
		if has, err := inMemory(pid, []byte(s.marker)); err != nil || has != want {
			s.t.Errorf("in the memory of process %d: %v, %v, want %v", pid, has, err, want)
		}
	}
}

var writable = regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) rw`)

func inMemory(pid int, text []byte) (bool, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return false, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false, err
	}
	defer mem.Close()
	for _, area := range writable.FindAllStringSubmatch(string(maps), -1) {
		from, err1 := strconv.ParseInt(area[1], 16, 64)
		to, err2 := strconv.ParseInt(area[2], 16, 64)
		if err1 != nil || err2 != nil {
			return false, fmt.Errorf("maps of %d: %s", pid, area[0])
		}
		content, err := io.ReadAll(io.NewSectionReader(mem, from, to-from))
		if err != nil {
			return false, err
		}
		if bytes.Contains(content, text) {
			return true, nil
		}
	}
	return false, nil
}

// answers: nothing that ana or an admin can ask for has the value.
func (s *secretLab) answers(ids ...string) {
	s.t.Helper()
	for _, args := range [][]string{
		{"secret", "list", "-o", "json"},
		{"jobs", "-o", "json"},
		{"queue", "-o", "json"},
		{"gpus", "-o", "json"},
		{"hosts", "-o", "json"},
	} {
		s.as("", args...)
		s.not("mlq "+args[0]+" of an admin", s.mlq(args...))
	}
	for _, id := range ids {
		if job := s.as("", "job", id, "-o", "json"); !strings.Contains(job, `"TOKEN"`) {
			s.t.Errorf("job %s does not show the secret's name: %s", id, job)
		}
		s.as("", "logs", id)
	}
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
