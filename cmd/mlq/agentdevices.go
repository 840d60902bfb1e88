package main

import (
	"regexp"
	"strings"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/internal/lockfile"
)

// An agent of some devices (--device) stands beside others on its host: with a
// name, a lock of the data folder, and a folder in it, of its own. What is one
// for the host stays one: the seed of simulated devices' ids, and the folder of
// the devices' locks.

// instance is what tells such an agent from the others of its host; "" for the
// agent of all devices. What cannot be part of a name is left to be refused as
// a device, which says what there is.
func (a *agentFlags) instance() string {
	return unnameable.ReplaceAllString(strings.Join(a.devices, "_"), "-")
}

var unnameable = regexp.MustCompile(`[^A-Za-z0-9._:-]`)

// agentName is the name that the agent joins with: NAME, or NAME@INSTANCE.
func (a *agentFlags) agentName() (string, error) {
	name, err := agent.HostName(a.name)
	if err != nil || a.instance() == "" || strings.Contains(name, "@") {
		return name, err
	}
	return agent.HostName(name + "@" + a.instance())
}

// role is what the agent locks the data folder as.
func (a *agentFlags) role() string {
	if a.instance() == "" {
		return "agent"
	}
	return "agent@" + a.folderName()
}

// folder is the agent's own, in the data folder.
func (a *agentFlags) folder(data *dataFolder) string {
	if a.instance() == "" {
		return data.join("agent")
	}
	return data.join("agents", a.folderName())
}

// folderName is without colons, which separate paths in variables of jobs.
func (a *agentFlags) folderName() string {
	return strings.ReplaceAll(a.instance(), ":", "-")
}

// locks are the same for all agents of the host.
func (a *agentFlags) locks(data *dataFolder) (string, error) {
	return lockfile.Dir(data.join("agent", "locks"))
}
