package main

import (
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api/callback"
)

// callbacksFlag defines which private networks callbacks may go to.
func callbacksFlag(cmd *cobra.Command, private ...string) *[]string {
	nets := cmd.Flags().StringSlice("callback-private", private,
		"private networks or addresses that callbacks may go to, as 10.1.0.0/16,127.0.0.1; all: every one; public addresses are always allowed, those of metadata services never")
	variable(cmd.Flags(), "callback-private", "MLQ_CALLBACK_PRIVATE")
	return nets
}

func readCallbacks(private []string) (callback.Policy, error) {
	p, err := callback.ReadPolicy(private)
	if err != nil {
		return p, misconfigured("--callback-private %w", err)
	}
	return p, nil
}
