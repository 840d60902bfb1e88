package main

import (
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

// maxTimeScale leaves the shortest time of the protocol above what a busy
// machine's scheduler makes of it.
const maxTimeScale = 1000

// timeScaleFlag defines the knob of tests: all times of the protocol, divided.
func timeScaleFlag(cmd *cobra.Command) *int {
	scale := cmd.Flags().Int("time-scale", 1, "divide all times of the protocol, for tests")
	variable(cmd.Flags(), "time-scale", "MLQ_TIME_SCALE")
	if err := cmd.Flags().MarkHidden("time-scale"); err != nil {
		panic(err) // the flag was defined two lines above
	}
	return scale
}

// timing is the protocol's numbers at a scale, checked against each other.
func timing(scale int) (scheduler.Timing, error) {
	if scale < 1 || scale > maxTimeScale {
		return scheduler.Timing{}, misconfigured("--time-scale %d: want a number from 1 to %d", scale, maxTimeScale)
	}
	t := scheduler.DefaultTiming().Scale(scale)
	if err := t.Validate(); err != nil {
		return t, misconfigured("timing: %w", err)
	}
	return t, nil
}
