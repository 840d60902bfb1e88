package main

import (
	"flag"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/agent/slot"
)

// newSlot is the process that the agent starts for each device; people do not.
func newSlot(io streams) *cobra.Command {
	o := slot.DefaultOptions()
	cmd := &cobra.Command{
		Use:    "slot",
		Short:  "Run the jobs of one device (started by the agent)",
		Long:   "The parent of one device's jobs. The agent starts it; it outlives the agent and enforces the lease (docs/slot.md).",
		Hidden: true,
		Args:   none(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := (&logFlags{format: "json"}).logger(io.err)
			if err != nil {
				return err
			}
			o.Log, o.Version = log, version
			return slot.Main(cmd.Context(), o)
		},
	}
	flags := flag.NewFlagSet("slot", flag.ContinueOnError)
	o.Bind(flags)
	cmd.Flags().AddGoFlagSet(flags)
	return cmd
}
