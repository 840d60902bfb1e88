package main

import "github.com/mlq-dev/mlq/agent"

// asRoot is the warning that the jobs of all users would run as root: an agent of
// root that was not told as whom. Whoever means it says --run-as self.
func asRoot(euid int, runAs string) string {
	if euid != 0 || runAs != "" {
		return ""
	}
	return "all jobs run as root here, whoever submits them; " +
		"--run-as " + agent.RunAsSubmitter + " runs them as their users' accounts, --run-as " + agent.RunAsSelf + " says that root is meant"
}
