package scheduler

import "strings"

// HostOf is the machine of an agent's name: NAME of NAME@INSTANCE, which is
// the agent of some devices of that machine.
func HostOf(agent string) string {
	host, _, _ := strings.Cut(agent, "@")
	return host
}

// IsHost reports whether an agent is meant by a name: its own, or its machine's.
func IsHost(name, agent string) bool { return name == agent || name == HostOf(agent) }
