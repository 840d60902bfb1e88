package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// slots are the builds of this site's slot processes, sorted.
func (s *site) slots() (builds []string) {
	s.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range processes {
		words, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err != nil || !strings.Contains(string(words), "\x00slot\x00") || !strings.Contains(string(words), "--dir="+s.dir) {
			continue // gone, or another's
		}
		if exe, err := os.Readlink(filepath.Join(p, "exe")); err == nil {
			builds = append(builds, exe)
		}
	}
	slices.Sort(builds)
	return builds
}

func (s *site) awaitSlots(want ...string) {
	s.t.Helper()
	slices.Sort(want)
	err := eventually(60*time.Second, func() error {
		if got := s.slots(); !slices.Equal(got, want) {
			return fmt.Errorf("slots are of %v, want %v", got, want)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// newSite is a server, and an agent of that build with two devices, on one of which
// a job waits for the gate.
func newSite(t *testing.T, server, agent string) (s *site, id, gate string) {
	t.Helper()
	s = &site{t: t, dir: t.TempDir(), address: "127.0.0.1:0", scale: "1"}
	s.serve(server, "server")
	token := s.mlq(server, "token", "create", "--user", "gpu1", "--role", "agent")
	if err := os.WriteFile(filepath.Join(s.dir, "agent.token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startAgent(agent)
	s.await(server, "ok", "hosts")
	gate = filepath.Join(s.dir, "go")
	id = s.mlq(server, "run", "-d", "--", "sh", "-c", "echo begun; while [ ! -e "+gate+" ]; do sleep 0.05; done; echo done")
	s.await(server, "begun", "logs", id)
	s.awaitSlots(agent, agent)
	return s, id, gate
}

func (s *site) open(gate string) {
	s.t.Helper()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// whole: the job ran once, to its end.
func (s *site) whole(build, id string) {
	s.t.Helper()
	s.mlq(build, "result", "--wait", id)
	if j := s.job(build, id); len(j.Attempts) != 1 || j.State != "succeeded" {
		s.t.Errorf("the job is %s after %d attempts", j.State, len(j.Attempts))
	}
	if log := s.mlq(build, "logs", id); log != "begun\ndone" {
		s.t.Errorf("its log is %q", log)
	}
}

// TestUpgradeSlots: slots of another build than the agent's, older or newer, are
// replaced: idle ones at its start, those with a job when that has ended.
func TestUpgradeSlots(t *testing.T) {
	t.Parallel()
	next := buildNext(t, "")
	for name, c := range map[string]struct{ before, after string }{
		"old slots, new agent": {binary, next},
		"new slots, old agent": {next, binary},
	} {
		t.Run(name, func(t *testing.T) {
			s, id, gate := newSite(t, c.after, c.before)
			s.agent.kill() // which leaves the idle slot, too
			s.startAgent(c.after)
			s.awaitSlots(c.before, c.after)
			s.open(gate)
			s.whole(c.after, id)
			s.awaitSlots(c.after, c.after)
			if out := s.mlq(c.after, "run", "--", "echo", "after"); !strings.HasSuffix(out, "\nafter") {
				t.Errorf("a job printed %q", out)
			}
			if err := s.agent.stop(); err != nil {
				t.Error(err)
			}
			s.awaitSlots()
		})
	}
}

// TestSlotOfANewerProtocol: an agent that cannot speak with a slot says so once and
// leaves its job alone, which an agent of the newer build takes over again.
func TestSlotOfANewerProtocol(t *testing.T) {
	t.Parallel()
	next := buildNext(t, "mlq_next_slot")
	s, id, gate := newSite(t, binary, next)
	s.agent.kill()
	s.startAgent(binary)
	s.awaitSlots(next, binary)
	if out := s.mlq(binary, "run", "--", "echo", "beside it"); !strings.HasSuffix(out, "\nbeside it") {
		t.Errorf("a job on the other device printed %q", out)
	}
	want := fmt.Sprintf("its slot is of mlq %s, with slot protocol 2, and this agent knows those up to 1: job %s there runs on without an agent until its lease ends", nextVersion, id)
	if n := strings.Count(s.agent.log.String(), want); n != 1 {
		t.Errorf("it says %d times %q", n, want)
	}
	if err := s.agent.stop(); err != nil {
		t.Fatal(err)
	}
	s.startAgent(next)
	s.open(gate)
	s.whole(next, id)
}
