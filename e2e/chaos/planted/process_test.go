package planted

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait; it is far above what a busy machine takes.
const patience = 60 * time.Second

// announced is what a daemon prints when it is ready.
var announced = regexp.MustCompile(`(?m)^mlq (?:serve|agent) (?:at|for) (\S+)`)

// process is a running mlq.
type process struct {
	cmd   *exec.Cmd
	url   string // of the server that it is, or asks
	ended chan struct{}
}

// start starts mlq and returns when it is ready. Its output goes to a file.
func (l *lab) start(name string, args ...string) *process {
	l.t.Helper()
	path := filepath.Join(l.dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	l.must(err)
	defer log.Close()
	p := &process{cmd: exec.Command(l.build, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = l.dir, log, log
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, fmt.Sprint("MLQ_TIME_SCALE=", l.scale), "PLANTED=" + l.bug}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	l.must(p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.ended) }() // how it ended says its log
	l.t.Cleanup(func() {
		p.stop(l.t)
		if text, err := os.ReadFile(path); l.t.Failed() {
			l.t.Logf("the end of %s: %v\n%s", name, err, text[max(0, len(text)-4000):])
		}
	})
	l.eventually(name+" is ready", func() error {
		text, err := os.ReadFile(path)
		if found := announced.FindSubmatch(text); found != nil {
			p.url = string(found[1])
			return nil
		}
		return errors.Join(err, errors.New("it has said nothing"))
	})
	return p
}

// stop ends it, by force where it does not want to.
func (p *process) stop(t *testing.T) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.kill(t)
	}
}

// kill ends it at once, and none of what it has started.
func (p *process) kill(t *testing.T) {
	_ = p.cmd.Process.Kill()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Errorf("process %d outlives SIGKILL", p.cmd.Process.Pid)
	}
}

// endSlots kills what the agents left: slots outlive them, and what slots run.
func (l *lab) endSlots() {
	for range 100 {
		left := 0
		paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
		l.must(err)
		for _, path := range paths {
			line, _ := os.ReadFile(path) // it may have ended by now
			env, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
			var pid int
			if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil || !strings.Contains(string(line)+string(env), l.dir+"/") || pid == os.Getpid() {
				continue
			}
			left++
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if left == 0 {
			return
		}
	}
}

// eventually asks until there is no error.
func (l *lab) eventually(what string, ask func() error) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
		<-tick.C
	}
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}
