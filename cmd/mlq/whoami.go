package main

import (
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newWhoami(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say whose token this is, at which server, and what holds for that user",
		Args:  none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		who, _, err := r.whoami(cmd.Context())
		if err != nil {
			return err
		}
		return show(io.out, *output, who, func() *table { return whoamiTable(r.base, &who) })
	}
	return cmd
}

func whoamiTable(server string, who *api.Whoami) *table {
	t := &table{head: []string{"USER", "ROLE", "UNIX", "SERVER", "MAX QUEUED", "MAX DEVICES", "MAX TIMEOUT"}}
	t.row(who.User, string(who.Role), who.Unix, server, limit(who.MaxQueued), limit(who.MaxDevices), timeLimit(who.MaxTimeout))
	return t
}
