package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/rs/zerolog"
)

// spawn runs an agent in a process of its own. Not with a store in memory.
func (w *world) spawn(name, gpus string) *host {
	w.t.Helper()
	h := &host{w: w, name: name, gpus: gpus, data: w.t.TempDir()}
	h.respawn()
	w.t.Cleanup(h.killSlots)
	return h
}

func (h *host) respawn() {
	h.w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.out = &bytes.Buffer{}
	place := h.w.url
	if h.w.https != nil {
		place = h.w.https.URL()
	}
	h.cmd = exec.Command(self, asAgent, h.name, h.data, h.gpus, place, h.w.shelf.http.URL, strconv.Itoa(h.w.scale), python.Path)
	if h.w.https != nil {
		h.cmd.Env = append(os.Environ(), childToken+"="+h.w.https.Token(h.name, auth.RoleAgent), childTrust+"="+h.w.https.CertificateFile())
	}
	h.cmd.Stderr = h.out
	ready, err := h.cmd.StdoutPipe()
	if err != nil {
		h.w.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		h.w.t.Fatal(err)
	}
	cmd := h.cmd
	h.w.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if h.w.t.Failed() {
			h.w.t.Logf("agent %s: %s", h.name, h.out)
		}
	})
	line := make([]byte, 7)
	if _, err := ready.Read(line); err != nil {
		h.w.t.Fatalf("the agent did not join: %v: %s", err, h.out)
	}
}

// kill ends the agent's process at once.
func (h *host) kill() {
	h.w.t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		h.w.t.Fatal(err)
	}
	_ = h.cmd.Wait() // killed, as it says
}

func runChild(ctx context.Context, args []string) error {
	name, data, gpus, storeURL, server := args[0], args[1], args[2], args[3], args[4]
	scale, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	s, done, err := childScheduler(ctx, name, storeURL, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(scale), Log: log})
	if err != nil {
		return err
	}
	defer done()
	o, err := hostOptions(name, data, gpus, s, server, pyenv.Candidate{Name: pyenv.Default, Path: args[6]})
	if err != nil {
		return err
	}
	o.Log = log
	o.Joined = func(uint64) { fmt.Println("joined") }
	a, err := agent.New(ctx, o)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(ctx)
}

// Variables of a child that asks a server.
const (
	childToken = "AGENT_TEST_TOKEN"
	childTrust = "AGENT_TEST_CERTIFICATE"
)

// childScheduler is on a Redis, or asks a server.
func childScheduler(ctx context.Context, name, place string, o scheduler.Options) (agent.Scheduler, func() error, error) {
	if strings.HasPrefix(place, "https://") {
		client, err := agenttest.ClientFor(os.Getenv(childTrust))
		return agentclient.New(agentclient.Options{
			Server: place, Token: os.Getenv(childToken), Host: name, HTTP: client, Timing: o.Timing,
		}), func() error { return nil }, err
	}
	st, err := redisstore.Open(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	s, err := scheduler.New(st, o)
	return s, st.Close, err
}
