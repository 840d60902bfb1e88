package main

import (
	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/pyenv"
)

// mostTolerated is more memory than any device has (MiB): a larger value was meant
// as bytes.
const mostTolerated = 1 << 20

// check finds what is wrong with the settings as they stand, before anything is
// started, the driver above all: a typing mistake should not have it loaded, nor
// wait for one that hangs. What this host cannot have, the agent finds out.
func (a *agentFlags) check() error {
	if _, err := readLabels(a.labels); err != nil {
		return err
	}
	if _, err := pyenv.ParseFlags(a.pythons); err != nil {
		return misconfigured("--python: %w", err)
	}
	if _, err := a.agentName(); err != nil {
		return misconfigured("--name: %w", err)
	}
	if err := (isolation.Wish{Level: isolation.Level(a.isolation), Limits: a.limits()}).Check(); err != nil {
		return misconfigured("agent: %w", err)
	}
	if err := agent.CheckRunAs(a.runAs); err != nil {
		return misconfigured("agent: %w", err)
	}
	if a.tolerate < 0 || a.tolerate > mostTolerated {
		return misconfigured("--tolerate-foreign-mib %d: want from 0 to %d MiB", a.tolerate, mostTolerated)
	}
	return nil
}

// limits are those of each job.
func (a *agentFlags) limits() isolation.Limits {
	return isolation.Limits{Memory: int64(a.jobMemory), Processes: a.jobProcesses}
}
