package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/agent/runner"
	"github.com/mlq-dev/mlq/gpu/nvml"
)

// build is what this binary is, for programs.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // "" where it was built without make, or outside of git
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Client   string `json:"client"` // version of the Python package in it
	NVML     bool   `json:"nvml"`   // it can ask NVIDIA's driver
}

func newVersion(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  none(),
	}
	output := outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		b := thisBuild()
		if *output == "json" {
			return printJSON(io.out, b)
		}
		_, err := fmt.Fprintf(io.out, "mlq %s (%s, %s, %s)\n", b.Version, b.Go, b.Platform, b.gpus())
		return err
	}
	return cmd
}

func (b build) gpus() string {
	if b.NVML {
		return "with NVML"
	}
	return "without NVML"
}

func thisBuild() build {
	return build{
		Version: version, Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Client: runner.Version(),
		NVML: nvml.Built,
	}
}
