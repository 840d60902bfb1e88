package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// flagValues are what a shell offers for flags that take one of a few words,
// the same in every command that has them.
var flagValues = map[string][]string{
	"state": {
		string(scheduler.Scheduled), string(scheduler.Queued), string(scheduler.Leased), string(scheduler.Running),
		string(scheduler.Succeeded), string(scheduler.Failed), string(scheduler.Cancelled),
	},
	"role":       {string(auth.RoleUser), string(auth.RoleAgent), string(auth.RoleAdmin), string(auth.RoleMetrics), string(auth.RoleServer)},
	"output":     {"table", "json"},
	"then":       {"cancel", "requeue"},
	"log-format": {"text", "json"},
	"log-level":  {"debug", "info", "warn", "error"},
	"run-as":     {"self", "submitter"},
}

// fileFlags take a path, which the shell completes itself.
var fileFlags = []string{
	"token-file", "env-file", "tls-cert", "tls-key", "to", "python", "from-file", "secret-key-file", "data", "blobs", "config", "workdir",
}

// completeFlags tells the shell of all commands what their flags take.
func completeFlags(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if values, ok := flagValues[f.Name]; ok {
			must(cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
		}
		if slices.Contains(fileFlags, f.Name) {
			must(cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)))
		}
	})
	for _, child := range cmd.Commands() {
		completeFlags(child)
	}
}

// must ends a program that was built wrong: a flag that does not exist, or twice.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
