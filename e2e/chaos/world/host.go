package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// Host is one machine of the lab: an agent with its devices, its slots, and the
// jobs that they run.
type Host struct {
	*Process        // the agent
	Server   *Link  // its link to its server
	Direct   bool   // it speaks to the store itself
	Devices  int    // that it offers
	Data     string // its folder

	server   *Server
	admitted record.Interval // when its token was made
}

// Slot is one slot process, as it was when it was looked for.
type Slot struct {
	Device string // UUID
	Pid    int
}

// newHost makes a host. An agent that speaks to the store itself does so as the
// agents' user.
func (w *World) newHost(i int) (*Host, error) {
	name := fmt.Sprint("h", i+1)
	h := &Host{Direct: i < 2, Devices: devices, Data: filepath.Join(w.opts.Dir, name), server: w.Servers[(i+1)%servers]}
	var err error
	if h.Server, err = w.linkTo(name, h.server); err != nil {
		return nil, err
	}
	argv := []string{
		w.opts.Binary, "agent", "--data", h.Data, "--name", name, "--gpus", fmt.Sprint("cpu:", h.Devices),
		"--python", w.opts.Python, "--token-file", h.tokenFile(), "--keep-work", "1m", "--server", scheme(h.server.tls) + h.Server.Addr(),
	}
	if h.server.tls {
		pin, err := h.server.fingerprint()
		if err != nil {
			return nil, err
		}
		argv = append(argv, "--tls-fingerprint", pin)
	}
	var env []string
	if h.Direct {
		store, err := w.storeURL(name, "mlq-agent")
		if err != nil {
			return nil, err
		}
		env = append(env, "MLQ_STORE="+store)
	}
	h.Process = w.process(name, KindAgent, env, argv...)
	h.ready = h.begun
	return h, nil
}

// begun: the agent has said in its log that it is there.
func (h *Host) begun(context.Context) error {
	if !h.said("mlq agent for ") {
		return errors.New("it has not begun")
	}
	return nil
}

func (h *Host) tokenFile() string { return h.Data + ".token" }

// Slots are those that live now.
func (h *Host) Slots() []Slot {
	var slots []Slot
	for _, p := range h.lives() {
		args := bytes.Split(p.line, []byte{0})
		if len(args) < 2 || string(args[1]) != "slot" {
			continue
		}
		for _, arg := range args {
			if device, ok := strings.CutPrefix(string(arg), "--device="); ok {
				slots = append(slots, Slot{device, p.pid})
			}
		}
	}
	return slots
}

// Pids are all processes of the host: agent, slots, what they run.
func (h *Host) Pids() []int {
	var pids []int
	for _, p := range h.lives() {
		pids = append(pids, p.pid)
	}
	if pid := h.Pid(); pid != 0 && !slices.Contains(pids, pid) {
		pids = append(pids, pid)
	}
	return pids
}

// KillAll kills all that lives there, as a power cut does: frozen first, so that
// nothing is born meanwhile.
func (h *Host) KillAll() error {
	err := h.StopAll()
	h.ask()
	for range 100 {
		pids := h.Pids()
		if len(pids) == 0 {
			return errors.Join(err, h.Kill())
		}
		err = errors.Join(err, signalAll(pids, syscall.SIGKILL), h.Kill())
	}
	return errors.Join(err, fmt.Errorf("%s: %v outlive SIGKILL", h.Name, h.Pids()))
}

// KillSlots kills the slots, and leaves their jobs to the kernel.
func (h *Host) KillSlots() (err error) {
	for range 100 {
		slots := h.Slots()
		if len(slots) == 0 {
			return err
		}
		for _, s := range slots {
			err = errors.Join(err, signalAll([]int{s.Pid}, syscall.SIGKILL))
		}
	}
	return errors.Join(err, fmt.Errorf("%s: slots %v outlive SIGKILL", h.Name, h.Slots()))
}

// StopAll freezes all that lives there, as a host that is suspended.
func (h *Host) StopAll() error {
	err := h.Stop()
	var before []int
	for range 100 {
		pids := h.Pids()
		if slices.Equal(pids, before) {
			return err
		}
		err, before = errors.Join(err, signalAll(pids, syscall.SIGSTOP)), pids
	}
	return errors.Join(err, fmt.Errorf("%s goes on to make processes", h.Name))
}

// ContAll lets all go on: the agent last, so that no slot is asked before it can answer.
func (h *Host) ContAll() error {
	return errors.Join(signalAll(h.Pids(), syscall.SIGCONT), h.Cont())
}

func signalAll(pids []int, s syscall.Signal) (err error) {
	for _, pid := range pids {
		if e := syscall.Kill(pid, s); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("pid %d: %w", pid, e))
		}
	}
	return err
}
