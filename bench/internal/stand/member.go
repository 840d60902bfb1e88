package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Member is a host of one CPU slot that can be lost and come back.
type Member struct {
	server *Server
	py     *Python
	name   string
	agent  *Process
}

// Member starts a host beside others, and waits until it is offered.
func (s *Server) Member(ctx context.Context, py *Python, name string) (*Member, error) {
	m := &Member{server: s, py: py, name: name}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	return m, m.agent.Await(ctx, stopGrace*6, func() error { return m.joined(ctx) })
}

// Start starts the host's agent, and does not wait for it.
func (m *Member) Start(ctx context.Context) (err error) {
	s := m.server
	m.agent, err = Start(ctx, s.redis.logs, "mlq-agent-"+m.name, nil, s.bin, "agent", "--store", s.redis.URL(), "--server", s.URL(),
		"--token-file", filepath.Join(s.redis.dir, "serve", "admin.token"), "--data", m.data(), "--name", m.name, "--gpus", "cpu:1", "--python", m.py.Path)
	return err
}

func (m *Member) data() string { return filepath.Join(m.server.redis.dir, m.name) }

// joined reports an error until the host's device is free.
func (m *Member) joined(ctx context.Context) error {
	var hosts struct {
		Hosts []struct {
			Host    string `json:"host"`
			State   string `json:"state"`
			Devices []struct {
				State string `json:"state"`
			} `json:"devices"`
		} `json:"hosts"`
	}
	if err := get(ctx, m.server.URL()+"/hosts", m.server.Token, &hosts); err != nil {
		return err
	}
	for _, h := range hosts.Hosts {
		if h.Host == m.name && len(h.Devices) == 1 && h.Devices[0].State == "free" {
			return nil
		}
	}
	return fmt.Errorf("%s has no free device: %+v", m.name, hosts)
}

// KillAgent ends the agent alone, with SIGKILL: slot and job live on.
func (m *Member) KillAgent() error {
	err := m.agent.cmd.Process.Kill()
	<-m.agent.exited
	return err
}

// PowerOff ends all of the host's processes at once, as a loss of power does.
func (m *Member) PowerOff() error {
	pids, err := m.all()
	if err != nil {
		return err
	}
	var failed error
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			failed = errors.Join(failed, err)
		}
	}
	<-m.agent.exited
	return failed
}

// all are the agent, its slots, and all that these have started, ancestors first.
func (m *Member) all() ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	pids, parents := []int{m.agent.cmd.Process.Pid}, map[int]int{}
	for _, file := range files {
		pid, line, parent := described(filepath.Dir(file))
		parents[pid] = parent
		if pid > 0 && pid != os.Getpid() && strings.Contains(line, " slot ") && strings.Contains(line, m.data()+"/") {
			pids = append(pids, pid)
		}
	}
	slots := slices.Clone(pids)
	for pid := range parents {
		if isBelow(pid, slots, parents) && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Stop ends what is left of the host.
func (m *Member) Stop() {
	m.agent.Stop()
	endAll(m.data())
}
