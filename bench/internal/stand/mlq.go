package stand

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Server is one `mlq serve` on a Redis of the benchmark.
type Server struct {
	Addr  string // host:port
	Token string // the first admin's
	redis *Redis
	bin   string
	proc  *Process
	agent *Process // nil: none
}

// Serve starts a server and waits until it is ready.
func Serve(ctx context.Context, bin string, r *Redis) (*Server, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", port), redis: r, bin: bin}
	data := filepath.Join(r.dir, "serve")
	s.proc, err = Start(ctx, r.logs, "mlq-serve", nil, bin, "serve", "--store", r.URL(), "--listen", s.Addr, "--data", data)
	if err != nil {
		return nil, err
	}
	if s.proc, err = started(ctx, s.proc, func() error { return get(ctx, s.URL()+"/readyz", "", nil) }); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		s.Stop()
		return nil, err
	}
	s.Token = strings.TrimSpace(string(token))
	return s, nil
}

// URL is where the server answers.
func (s *Server) URL() string { return "http://" + s.Addr }

// Env is what a client needs to find the server.
func (s *Server) Env() []string { return []string{"MLQ_URL=" + s.URL(), "MLQ_TOKEN=" + s.Token} }

// Host is what an agent of the benchmark offers.
type Host struct {
	GPUs  string // --gpus
	Count int    // of devices
	Env   []string
}

// OneSlot is a host of one CPU slot.
var OneSlot = Host{GPUs: "cpu:1", Count: 1}

// Agent starts an agent, and waits until all its devices are offered.
func (s *Server) Agent(ctx context.Context, py *Python, h Host) error {
	tokenFile := filepath.Join(s.redis.dir, "serve", "admin.token")
	p, err := Start(ctx, s.redis.logs, "mlq-agent", h.Env, s.bin, "agent", "--store", s.redis.URL(), "--server", s.URL(),
		"--token-file", tokenFile, "--data", s.agentData(), "--name", "bench", "--gpus", h.GPUs, "--python", py.Path)
	if err != nil {
		return err
	}
	s.agent, err = started(ctx, p, func() error { return s.offered(ctx, h.Count) })
	return err
}

// offered reports an error until so many devices are free.
func (s *Server) offered(ctx context.Context, n int) error {
	var gpus struct {
		GPUs []struct {
			State string `json:"state"`
		} `json:"gpus"`
	}
	if err := get(ctx, s.URL()+"/gpus", s.Token, &gpus); err != nil {
		return err
	}
	free := 0
	for _, g := range gpus.GPUs {
		if g.State == "free" {
			free++
		}
	}
	if free < n {
		return fmt.Errorf("%d devices are free, want %d: %+v", free, n, gpus)
	}
	return nil
}

// Pids is the server's process.
func (s *Server) Pids() []int { return []int{s.proc.cmd.Process.Pid} }

// Stop ends the agent, its slots, which outlive it by design, and the server.
func (s *Server) Stop() {
	if s.agent != nil {
		s.agent.Stop()
		endAll(s.agentData())
	}
	s.proc.Stop()
}

func (s *Server) agentData() string { return filepath.Join(s.redis.dir, "agent") }

// get asks for a page that must be there, and decodes its JSON where the caller wants it.
func get(ctx context.Context, url, token string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // all that counts was read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
