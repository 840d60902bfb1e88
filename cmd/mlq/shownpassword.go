package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// refuseShownPassword ends a command whose own line holds a store's password: the list
// of processes shows it to every user of the machine for as long as the command runs.
// It looks before the flags are filled from variables.
func refuseShownPassword(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("store")
	if f == nil || !f.Changed || !holdsPassword(f.Value.String()) {
		return nil
	}
	return misconfigured("--store holds a password, and everybody on this machine can read command lines").
		with("put the URL into MLQ_STORE, or into a file that only you can read and --env-file names")
}

// holdsPassword reports whether a URL has something between a user's colon and the last @,
// or the Sentinels' own, also where it is written so badly that it cannot be used.
func holdsPassword(url string) bool {
	if strings.Contains(url, "sentinel_password=") {
		return true
	}
	_, rest, ok := strings.Cut(url, "://")
	at := strings.LastIndex(rest, "@")
	if !ok || at < 0 {
		return false
	}
	_, password, _ := strings.Cut(rest[:at], ":")
	return password != ""
}
