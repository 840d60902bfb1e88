package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestOnPartition: while its host cannot reach the store, a job is killed
// before another host could get it, unless it was submitted with
// on_partition=keep: over HTTP, and from Python.
func TestOnPartition(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	l := newLabOn(t, 1, redis.URL(redistest.Namespace(t)), "cpu:3")
	script := func(name string) string {
		return fmt.Sprintf("trap '' TERM; echo $$ > %s; while :; do sleep 0.1; done", filepath.Join(l.dir, name))
	}
	for name, field := range map[string]string{"kill": "kill", "keep": "keep"} {
		body := fmt.Sprintf(`{"command": ["sh", "-c", %q], "on_partition": %q}`, script(name), field)
		l.do(t, http.MethodPost, l.servers[0].url+"/jobs", []byte(body))
	}
	l.command(python, "-c", "import os, sys, mlq; mlq.submit(os.system, sys.argv[1], on_partition='keep')", script("python"))
	pids := map[string]int{}
	for _, name := range []string{"kill", "keep", "python"} {
		pids[name] = l.pid(filepath.Join(l.dir, name))
	}
	redis.Pause(t)
	t.Cleanup(func() { redis.Resume(t) })
	err := eventually(60*time.Second, func() error {
		if alive(pids["kill"]) {
			return fmt.Errorf("the job goes on without its lease")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	l.staysAlive(3*time.Second, pids["keep"], pids["python"]) // all deadlines of a host lie within one second
	redis.Resume(t)
	l.eventually("nobody waits|cancelled", "queue")
	l.mlq("cancel", "--all", "--yes")
	l.eventually("^no leases$", "leases")
}

// pid reads the number that a job wrote into a file.
func (l *lab) pid(file string) (pid int) {
	l.t.Helper()
	err := eventually(60*time.Second, func() error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return pid
}

// staysAlive looks for a while that processes do not end.
func (l *lab) staysAlive(d time.Duration, pids ...int) {
	l.t.Helper()
	over := time.After(d)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, pid := range pids {
			if !alive(pid) {
				l.t.Errorf("process %d was killed with the others", pid)
				return
			}
		}
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
