package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/sim"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// agentFlags are the settings of an agent, wherever it runs.
type agentFlags struct {
	name, gpus, runAs        string
	isolation                string
	jobMemory                byteSize
	jobProcesses             int64
	tolerate                 int64 // MiB
	pythons, preload, labels []string
	devices                  []string
	keepWork                 *time.Duration
}

func bindAgent(cmd *cobra.Command) *agentFlags {
	var a agentFlags
	f := cmd.Flags()
	f.StringVar(&a.name, "name", "", "name of this host (default: the machine's)")
	f.StringVar(&a.gpus, "gpus", "auto", "devices to offer: auto, nvml, cpu:N, sim:N, sim:NxMODEL or sim:FILE")
	f.StringArrayVar(&a.devices, "device", nil, "offer this device only, by index, UUID or PCI address; repeatable")
	f.Int64Var(&a.tolerate, "tolerate-foreign-mib", 0, "memory in MiB that processes of others may have on a device without keeping jobs from it")
	f.StringArrayVar(&a.pythons, "python", nil, "Python environment to offer, NAME=PATH or PATH; repeatable")
	f.StringVar(&a.runAs, "run-as", "", `whom jobs run as: self, submitter or an account (default self)`)
	f.StringVar(&a.isolation, "isolation", string(isolation.Auto), "control group of each job: auto, none, cgroup or systemd")
	f.Var(&a.jobMemory, "job-memory", "memory that each job may have, as 64GiB (default no limit)")
	f.Int64Var(&a.jobProcesses, "job-processes", 0, "processes and threads that each job may have (default no limit)")
	f.StringSliceVar(&a.preload, "preload", nil, "modules that warm Pythons import ahead: numpy,torch")
	f.StringArrayVar(&a.labels, "label", nil, "label of this host, KEY=VALUE; repeatable")
	a.keepWork = durationFlag(f, "keep-work", agent.DefaultKeepWork, "how long a job's folder stays after its end")
	for flag, name := range map[string]string{
		"name": "MLQ_NAME", "device": "MLQ_DEVICE", "gpus": "MLQ_GPUS", "tolerate-foreign-mib": "MLQ_TOLERATE_FOREIGN_MIB", "python": "MLQ_PYTHON", "run-as": "MLQ_RUN_AS",
		"isolation": "MLQ_ISOLATION", "job-memory": "MLQ_JOB_MEMORY", "job-processes": "MLQ_JOB_PROCESSES",
		"preload": "MLQ_PRELOAD", "label": "MLQ_LABEL", "keep-work": "MLQ_KEEP_WORK",
	} {
		variable(f, flag, name)
	}
	return &a
}

// host is the machine's part of the name that the agent will have.
func (a *agentFlags) host() (string, error) {
	if a.name != "" {
		return scheduler.HostOf(a.name), nil
	}
	return os.Hostname()
}

// hostParts is what an agent is made of.
type hostParts struct {
	data      *dataFolder
	scheduler agent.Scheduler // nil: the server is asked
	server    *remote
	timing    scheduler.Timing // where the server is asked
	ring      *signing.Ring    // of the server in the same process; nil: it is in another
	standIn   bool             // CPU slots that auto finds also meet requests for a GPU
	joined    func()           // called each time that the agent has joined; nil: nobody is
	watch     *supervision     // nil: nobody is told how the agent is
	log       zerolog.Logger
}

// schedulerOf is the scheduler of an agent: on the store, or the server's.
func (p *hostParts) schedulerOf(host string) agent.Scheduler {
	if p.scheduler != nil {
		return p.scheduler
	}
	return p.server.scheduler(host, p.timing)
}

// build makes the agent. Mistakes in the settings are misconfigurations.
func (a *agentFlags) build(ctx context.Context, p hostParts, joined func(uint64)) (*agent.Agent, gpu.Provider, error) {
	labels, err := readLabels(a.labels)
	if err != nil {
		return nil, nil, err
	}
	pythons, err := pyenv.ParseFlags(a.pythons)
	if err != nil {
		return nil, nil, misconfigured("--python: %w", err)
	}
	name, err := a.agentName()
	if err != nil {
		return nil, nil, misconfigured("--name: %w", err)
	}
	provider, kind, err := a.provider(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	locks, err := a.locks(p.data)
	if err != nil {
		return nil, nil, err
	}
	if warning := asRoot(os.Geteuid(), a.runAs); warning != "" && !p.standIn { // under dev all jobs are the caller's own
		p.log.Warn().Msg(warning)
	}
	made, err := agent.New(ctx, agent.Options{
		Name: name, DataDir: a.folder(p.data), LockDir: locks, Provider: provider, ProviderKind: kind, Devices: a.devices, Tolerate: a.tolerate << 20, Pythons: pythons,
		Scheduler: p.schedulerOf(name), API: agentAPI{p.server}, Signers: agentAPI{p.server}.signers(name), AttemptSecret: p.attemptSecret(), URL: p.server.base, TLSFingerprint: p.server.fingerprint, RunAs: a.runAs,
		Isolation: isolation.Level(a.isolation), JobLimits: a.limits(), KeepWork: *a.keepWork,
		Labels: labels, Preload: a.preload, Version: version, Log: p.log, Joined: joined,
	})
	if err != nil {
		return nil, nil, misconfigured("agent: %w", err)
	}
	return made, provider, nil
}

func (a *agentFlags) provider(ctx context.Context, p hostParts) (provider gpu.Provider, kind string, err error) {
	if err := os.MkdirAll(p.data.join("agent"), 0o755); err != nil {
		return nil, "", fmt.Errorf("agent's folder: %w", err)
	}
	seed, err := gpu.Seed(p.data.join("agent"))
	if err != nil {
		return nil, "", err
	}
	provider, kind, err = openDevices(ctx, a.gpus, seed, p)
	if err != nil {
		return nil, "", misconfigured("--gpus: %w", err)
	}
	return provider, kind, nil
}

// openDevices gives the provider of a value of --gpus, and its kind: of auto, what it found.
func openDevices(ctx context.Context, spec, seed string, p hostParts) (provider gpu.Provider, kind string, err error) {
	if nvidia, err := openNVIDIA(ctx, spec, thisMachine(), p.log); nvidia != nil || err != nil {
		return nvidia, "nvml", err
	}
	if simulated, ok := strings.CutPrefix(spec, "sim:"); ok {
		provider, err = sim.Open(simulated, sim.Options{Seed: seed, Log: p.log})
		return provider, "sim", err
	}
	provider, err = gpu.ParseSpec(spec, gpu.SpecOptions{Seed: seed, StandIn: p.standIn})
	return provider, "cpu", err
}

func readLabels(pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, misconfigured("--label %s: want KEY=VALUE", pair)
		}
		labels[key] = value
	}
	return labels, nil
}
