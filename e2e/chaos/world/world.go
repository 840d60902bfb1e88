package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// Options say what world it is to be.
type Options struct {
	Dir    string // of all files; must be there
	Binary string // mlq
	Python string // an interpreter that can run jobs
	Seed   uint64 // of the links, and of what else is drawn
	Scale  int    // --time-scale of servers and agents
	TLS    bool   // the first server speaks HTTPS, and the host that asks it
	// Users are the ACL rules of "mlq" and "mlq-agent", with PASSWORD for the password,
	// for the namespace chaos.
	Users []string
	// Record takes what the world sees of losses.
	Record *record.Writer
}

// World is all that runs.
type World struct {
	Store   *Store
	Servers []*Server
	Hosts   []*Host
	Token   string // an admin's

	opts        Options
	links       []*Link
	linkSeed    uint64
	translators []*translator
	processes   []*Process
	watching    sync.WaitGroup
	unwatch     context.CancelFunc
	failures    failures
}

const (
	servers = 3
	hosts   = 3
	devices = 4 // of each host
)

// Start builds a world and returns when all of it is ready: the replica is in
// step, every server answers, every device is free. What has been started is
// ended where it fails.
func Start(ctx context.Context, o Options) (_ *World, err error) {
	w := &World{opts: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, folder := range []string{"logs", "locks"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, folder), 0o755); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(context.Context) error{w.redis, w.serve, w.agents, w.settled} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// process is one that the world can start.
func (w *World) process(name string, kind Kind, env []string, argv ...string) *Process {
	p := &Process{
		Name: name, Kind: kind, argv: argv, dir: w.opts.Dir, log: filepath.Join(w.opts.Dir, "logs", name+".log"),
		env: append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + w.opts.Dir, "MLQ_TIME_SCALE=" + fmt.Sprint(w.opts.Scale),
		}, env...),
	}
	w.processes = append(w.processes, p)
	return p
}

// Processes are all that the world started itself: not slots, nor what these run.
func (w *World) Processes() []*Process { return w.processes }

func (w *World) redis(ctx context.Context) (err error) {
	if w.Store, err = w.newStore(); err != nil {
		return err
	}
	if err := w.startStore(ctx); err != nil {
		return err
	}
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.unwatch = cancel
	w.watching.Go(func() {
		w.Store.watchLosses(watch, func(i record.Interval) { w.failures.note(record.Write(w.opts.Record, i)) })
	})
	return nil
}

// serve starts the servers, the first one alone: it writes the admin's token.
func (w *World) serve(ctx context.Context) error {
	for i := range servers {
		s, err := w.newServer(i)
		if err != nil {
			return err
		}
		w.Servers = append(w.Servers, s)
		if err := s.Restart(ctx); err != nil {
			return err
		}
	}
	var err error
	w.Token, err = w.Servers[0].adminToken()
	return err
}

func (w *World) agents(ctx context.Context) error {
	for i := range hosts {
		h, err := w.newHost(i)
		if err != nil {
			return err
		}
		w.Hosts = append(w.Hosts, h)
		token, err := w.NewToken(ctx, h.Name, "agent")
		if err != nil {
			return err
		}
		if err := os.WriteFile(h.tokenFile(), []byte(token), 0o600); err != nil {
			return err
		}
		if err := h.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until every device is free, and what was written has reached the replica.
func (w *World) settled(ctx context.Context) error {
	if err := until(ctx, startPatience, w.allFree); err != nil {
		return err
	}
	return w.Store.InSync(ctx)
}

func (w *World) allFree(ctx context.Context) error {
	var seen struct {
		GPUs []struct {
			State string `json:"state"`
		} `json:"gpus"`
	}
	if err := w.Ask(ctx, http.MethodGet, "/gpus", "", &seen); err != nil {
		return err
	}
	free, all := 0, 0
	for _, g := range seen.GPUs {
		if g.State == "free" {
			free++
		}
	}
	for _, h := range w.Hosts {
		all += h.Devices
	}
	if free != all || len(seen.GPUs) != all {
		return fmt.Errorf("%d of %d devices are free, of %d", free, len(seen.GPUs), all)
	}
	return nil
}

// Heal ends the faults of all links, sets clocks right, lets all processes go on, and
// starts those that do not run.
func (w *World) Heal(ctx context.Context) error {
	var errs error
	for _, l := range w.links {
		l.Heal()
	}
	errs = errors.Join(errs, w.RightClocks())
	for _, h := range w.Hosts {
		errs = errors.Join(errs, h.ContAll())
	}
	for _, p := range w.processes {
		errs = errors.Join(errs, p.Cont())
	}
	for _, p := range w.processes {
		errs = errors.Join(errs, p.Restart(ctx))
	}
	return errs
}

// closeGrace is how long each process has to end by itself.
const closeGrace = 10 * time.Second

// Close ends everything, in the reverse order of its start, and says what could
// not be ended or written down.
func (w *World) Close() error {
	if w.unwatch != nil {
		w.unwatch()
	}
	w.watching.Wait()
	errs := w.failures.all()
	for _, l := range w.links {
		l.Heal()
	}
	for _, p := range slices.Backward(w.processes) {
		errs = errors.Join(errs, p.Terminate(closeGrace))
	}
	for _, h := range w.Hosts { // slots outlive their agents by design
		errs = errors.Join(errs, h.KillAll())
	}
	for _, l := range w.links {
		l.Close()
	}
	for _, t := range w.translators {
		t.close()
	}
	if w.Store != nil {
		w.Store.close()
	}
	return errs
}
