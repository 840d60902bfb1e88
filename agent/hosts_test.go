package agent_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/signing"
)

// host is an agent of a test.
type host struct {
	w     *world
	name  string
	data  string
	gpus  string
	agent *agent.Agent       // of one in this process
	cmd   *exec.Cmd          // of a child
	out   *bytes.Buffer      // of a child
	stop  context.CancelFunc // of one in this process
	ended chan error         // has the end, once
}

// start runs an agent in this process.
func (w *world) start(name, gpus string, change func(*agent.Options)) *host {
	w.t.Helper()
	h := &host{w: w, name: name, gpus: gpus, data: w.t.TempDir(), ended: make(chan error, 1)}
	h.run(change)
	return h
}

func (h *host) run(change func(*agent.Options)) {
	h.w.t.Helper()
	joined := make(chan struct{}, 16)
	o, err := hostOptions(h.name, h.data, h.gpus, h.w.scheduler(h.name), h.w.shelf.http.URL, python)
	if err != nil {
		h.w.t.Fatal(err)
	}
	o.Log = testLog(h.w.t).With().Str("host", h.name).Logger()
	o.Joined = func(uint64) { joined <- struct{}{} }
	if change != nil {
		change(&o)
	}
	a, err := agent.New(h.w.ctx, o)
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.agent = a
	ctx, cancel := context.WithCancel(h.w.ctx)
	h.stop = cancel
	go func() {
		err := a.Run(ctx)
		if closeErr := a.Close(); err == nil {
			err = closeErr
		}
		h.ended <- err
	}()
	h.w.t.Cleanup(func() { h.end(); h.killSlots() })
	select {
	case <-joined:
	case err := <-h.ended:
		h.w.t.Fatalf("the agent ended: %v", err)
	case <-time.After(patience):
		h.w.t.Fatal("the agent did not join")
	}
}

// end stops the agent and gives what Run returned; again, nil.
func (h *host) end() error {
	h.stop()
	select {
	case err := <-h.ended:
		h.ended <- nil
		return err
	case <-time.After(patience):
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // into memory
		h.w.t.Errorf("the agent did not end; %s", &stacks)
		return nil
	}
}

// ring signs the jobs of these tests, as servers do.
var ring = signing.NewRing("mlq", signing.NewKey([32]byte{7}))

func signers(context.Context) (signing.Set, error) { return ring.Set, nil }

// hostOptions are those of every agent of these tests.
func hostOptions(name, data, gpus string, s agent.Scheduler, url string, python pyenv.Candidate) (agent.Options, error) {
	seed, err := gpu.Seed(data)
	if err != nil {
		return agent.Options{}, err
	}
	var provider gpu.Provider // "": the test's own
	if gpus != "" {
		if provider, err = gpu.ParseSpec(gpus, gpu.SpecOptions{Seed: seed}); err != nil {
			return agent.Options{}, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return agent.Options{}, err
	}
	return agent.Options{
		Name: name, DataDir: data, Provider: provider, Pythons: []pyenv.Candidate{python},
		Scheduler: s, API: shelfClient{url}, Signers: signers, URL: url, SlotCommand: []string{self, asSlot},
		LockDir: filepath.Dir(data), Version: testVersion,
	}, nil
}

// slots finds the processes of the host's slots by their command line.
func (h *host) slots() (pids []int) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.w.t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), asSlot+"\x00") || !strings.Contains(string(line), "--dir="+h.data+"/") {
			continue // gone, or somebody else's
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (h *host) killSlots() {
	for _, pid := range h.slots() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			h.w.t.Errorf("kill slot %d: %v", pid, err)
		}
	}
}
