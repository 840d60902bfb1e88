package main

import (
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

// connectionsFlag defines how many connections a server holds.
func connectionsFlag(cmd *cobra.Command) *int {
	n := cmd.Flags().Int("max-connections", 0, "connections at once, of all addresses; 0: 16384, or what the limit of open files allows")
	variable(cmd.Flags(), "max-connections", "MLQ_MAX_CONNECTIONS")
	return n
}

// checkConnections refuses more connections than leave files for everything else.
func checkConnections(n int, files uint64) error {
	if n < 0 {
		return misconfigured("--max-connections %d: want a number from 1, or 0 for the default", n)
	}
	if most := api.PlacesFor(files); n > most {
		return misconfigured("--max-connections %d: this process may have %d files open, enough for %d connections", n, files, most).
			with("raise the limit (LimitNOFILE= of the systemd unit, ulimit -n), or want fewer")
	}
	return nil
}
